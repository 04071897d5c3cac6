package protocol

import "strings"

// ReservedContext reports whether Sentry, or this package, gives a context of this name a meaning. Data of the host
// program must not use it.
func ReservedContext(name string) bool { return contexts[name] }

// ReservedKey reports whether Sentry, or this package, gives a key of a context, a tag or an attribute a meaning. The
// scrubber leaves such a key alone, even on a machine called "device".
func ReservedKey(name string) bool { return keys[name] }

// contexts also has Relay's own names where they differ from Sentry's documentation. Relay parses contexts by them, and
// drops values of unexpected types.
var contexts = set(`
	app browser chrome client_os cloud_resource cpu culture current_feature device disks environment feedback flags gpu
	laravel art react llm memory memory_info missing_instrumentation monitor nel ota_updates os otel performance_score
	process profile replay reprocessing response runtime spring state system task threadpool_info trace unity
	user_report

	chromiumstabilityreport cloudresource otaupdates performancescore

	error extra cut crash failure_rate interrupted scrubbing`) // written by this package

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

	category data description level message op origin parent_span_id sampled source span_id state status trace_id type
	value

	available began class code encoding index parent process_started reason running task task_index task_type total
	total_tasks
	certificate_subject errno exit_code stderr
	interrupted_tasks last_alive last_breadcrumb machine_restarted reported_by stuck_after
	attempt earlier_errors id max_attempts queue
	failures max_failure_rate min_runs runs window
	error_condition error_type environment_detected failure_code failure_type held_back os_name will_retry
	server.address`)

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}
