package main

import (
	"context"
	"os"
	"strings"
	"unicode"
)

// newProgram runs a program under the type that the list gives it: {executable_path, args, working_path,
// success_codes}. Another exit code than 0, or than those of success_codes, is a failure.
func newProgram(p *params) runFunc {
	prog := &invocation{path: p.executable(p.text("executable_path"))}
	prog.args, prog.shown = p.resolve(p.texts("args"))
	return p.runProgram(prog, "")
}

// newCommand runs a program: {command: [program, argument, ...], working_path, success_codes}.
func newCommand(p *params) runFunc {
	args, shown := p.resolve(p.texts("command"))
	prog := &invocation{}
	if len(args) > 0 {
		prog.path, prog.args, prog.shown = args[0], args[1:], shown[1:]
	}
	if prog.path == "" {
		p.refuse("command names no program: %s", remedyFor(find(p.table, "command")))
		return nil
	}
	return p.runProgram(prog, prog.name()+"_") // commands of any program are one type
}

func (p *params) runProgram(prog *invocation, codePrefix string) runFunc {
	if dir := p.text("working_path"); dir != "" {
		prog.dir = p.file(dir)
	}
	prog.hidden = p.hidden
	success := p.integers("success_codes")
	p.will("%s", prog.plan())
	return func(ctx context.Context) (summary, error) {
		e, err := prog.run(ctx)
		if err != nil {
			return e.summary(), err
		}
		return e.summary(), e.judge(codePrefix, success)
	}
}

const environmentPrefix = "env:"

// secret returns the value of a secret parameter: env:NAME stands for what the environment has under NAME.
func (p *params) secret(name, text string) string {
	variable, ok := strings.CutPrefix(text, environmentPrefix)
	if !ok {
		return text
	}
	value, ok := os.LookupEnv(variable)
	if !ok || value == "" {
		p.refuse("%s is %s, but the environment has no %s; set it before the run",
			name, cut(text, maxQuoted), cut(variable, maxQuoted))
		return ""
	}
	p.hidden = append(p.hidden, value)
	return value
}

// resolve reads arguments of which some are secret: env:NAME after a flag of a secret name, "--password", "env:NAME" or
// "/password:env:NAME". shown are the arguments as they stand in the list.
func (p *params) resolve(args []string) (resolved, shown []string) {
	shown = args
	for i, arg := range args {
		switch name, at := secretFlag(arg); {
		case at > 0 && strings.HasPrefix(arg[at:], environmentPrefix):
			arg = arg[:at] + p.secret(name, arg[at:])
		case i > 0 && strings.HasPrefix(arg, environmentPrefix):
			if name, at := secretFlag(args[i-1]); at == len(args[i-1]) && name != "" {
				arg = p.secret(name, arg)
			}
		}
		resolved = append(resolved, arg)
	}
	return resolved, shown
}

// secretFlag returns the name of a flag whose value is secret, and where its value begins: at the end when it is the
// next argument. Other arguments have no name.
func secretFlag(arg string) (name string, valueAt int) {
	trimmed := strings.TrimLeft(arg, "-/")
	if trimmed == arg || trimmed == "" || !unicode.IsLetter(rune(trimmed[0])) {
		return "", 0
	}
	name, valueAt = trimmed, len(arg)
	if i := strings.IndexAny(trimmed, "=:"); i > 0 {
		name, valueAt = trimmed[:i], len(arg)-len(trimmed)+i+1
	}
	if !secretNames.SecretName(name) {
		return "", 0
	}
	return name, valueAt
}
