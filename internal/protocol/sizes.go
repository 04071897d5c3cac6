package protocol

// What Sentry keeps of each field of an event, in characters. Relay cuts longer values, and marks the event as damaged.
const (
	MaxMessageChars     = 8192
	MaxTypeChars        = 256 // an exception's type and module
	MaxTransactionChars = 200
	MaxTagChars         = 200 // a tag's key and value; also a release
	MaxNameChars        = 64  // a logger, distribution or environment
	MaxMethodChars      = 32  // a request's method
	MaxCategoryChars    = 128 // a breadcrumb's category; also its type, a span's op and a mechanism's type
	MaxFunctionChars    = 512
	MaxUserChars        = 128
	MaxMailChars        = 75
	MaxURLChars         = 256
	MaxThreadNameChars  = 1024
)

// What Sentry keeps, in bytes of JSON, levels of nesting or numbers of entries.
const (
	MaxQueryBytes  = 1024
	MaxHeaderBytes = 8192 // all headers of a request together
	MaxFrames      = 250  // per stack trace

	MaxContextName  = 180  // bytes: Relay writes the name into the context
	MaxContextBytes = 8192 // later keys disappear without a mark
	MaxContextDepth = 7    // the context itself is level 1

	// MaxCrumbBytes and MaxCrumbDepth also apply to a frame's variables and a mechanism's data.
	MaxCrumbBytes = 2048
	MaxCrumbDepth = 5
)

// What Sentry accepts of an event or a transaction, in bytes, uncompressed and compressed.
const (
	MaxEventBytes  = 1_000_000
	MaxPackedBytes = 200_000
)
