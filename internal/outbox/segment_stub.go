package outbox

// segment is a file of the store on disk.
type segment struct{}
