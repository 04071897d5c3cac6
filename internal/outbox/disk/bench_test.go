package disk

import "testing"

// BenchmarkPut is what storing a record costs, with a call to the disk that nobody waits for in vain.
func BenchmarkPut(b *testing.B) {
	d, err := Open(Config{Dir: b.TempDir(), DSN: "http://key@127.0.0.1/1"})
	must(b, err)
	r := testRecord(1, 500)
	b.ReportAllocs()
	for b.Loop() {
		e, err := d.Put(r)
		must(b, err)
		must(b, d.Done(e))
	}
	b.StopTimer()
	must(b, d.Close())
}

// BenchmarkTask is what noting a task's beginning and end costs.
func BenchmarkTask(b *testing.B) {
	d, err := Open(Config{Dir: b.TempDir(), DSN: "http://key@127.0.0.1/1"})
	must(b, err)
	task := Task{Type: "backup", Index: 1, Total: 2}
	b.ReportAllocs()
	for b.Loop() {
		d.Journal().Begin(task).End()
	}
	b.StopTimer()
	must(b, d.Close())
}
