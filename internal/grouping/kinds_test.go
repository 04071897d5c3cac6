package grouping

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// kind is one way in which texts differ.
type kind struct {
	Kind  string
	Texts []string
}

func readKinds(t *testing.T, name string) (kinds []kind) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var k kind
		if err := json.Unmarshal(lines.Bytes(), &k); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// TestTextsOfOneProblem wants one class for the texts of each kind.
func TestTextsOfOneProblem(t *testing.T) {
	t.Parallel()
	for _, k := range readKinds(t, "same.jsonl") {
		class := Text(k.Texts[0])
		for _, text := range k.Texts {
			if got := Text(text); got != class {
				t.Errorf("%s: %q is %q, but %q is %q", k.Kind, text, got, k.Texts[0], class)
			}
			checkNormalized(t, text)
		}
	}
}

// TestTextsOfOtherProblems wants as many classes as texts of each kind.
func TestTextsOfOtherProblems(t *testing.T) {
	t.Parallel()
	for _, k := range readKinds(t, "apart.jsonl") {
		seen := make(map[string]string)
		for _, text := range k.Texts {
			class := Text(text)
			if other, ok := seen[class]; ok {
				t.Errorf("%s: %q and %q are both %q", k.Kind, other, text, class)
			}
			seen[class] = text
		}
	}
}
