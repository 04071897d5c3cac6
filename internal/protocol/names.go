package protocol

import "strings"

// ReservedContext reports whether a context of this name means something to Sentry or is filled by this package. Host
// data doesn't go under it.
func ReservedContext(name string) bool { return contexts[name] }

// ReservedKey reports whether Sentry or this package gives a key of a context, a tag or an attribute a meaning. It
// keeps its name, even on a machine that is called "device".
func ReservedKey(name string) bool { return keys[name] }

// contexts has Relay's own name for a kind of context too where it differs from the one in Sentry's documentation: by
// it Relay parses a context, and drops values of other types than it expects.
var contexts = set(`
	app browser chrome client_os cloud_resource cpu culture current_feature device disks environment feedback flags gpu
	laravel art react llm memory memory_info missing_instrumentation monitor nel ota_updates os otel performance_score
	process profile replay reprocessing response runtime spring state system task threadpool_info trace unity user_report

	chromiumstabilityreport cloudresource otaupdates performancescore

	error extra cut crash interrupted scrubbing`) // written by this package

var keys = set(`
	app_build app_memory app_name app_start_time app_version
	arch architecture boot_time build cpu_description device free_memory free_storage kernel_version memory_size name
	distribution distribution_name distribution_pretty_name distribution_version
	platform pretty_name processor processor_count processor_frequency release storage_size version
	compiler gomaxprocs goroutines
	count_logical count_physical frequency_current_mhz percent_used
	available_gb free_gb fstype total_gb used_gb
	cmdline cpu_percent cwd executable memory_mb parent_pid pid threads
	collected_at detected executable_path stale system

	category data description level message op origin parent_span_id sampled source span_id state status trace_id type value

	available began class code encoding index parent process_started reason running task task_index task_type total total_tasks
	certificate_subject errno exit_code stderr
	interrupted_tasks last_alive last_breadcrumb machine_restarted
	error_condition error_type environment_detected failure_type os_name server.address`)

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}
