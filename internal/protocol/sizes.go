package protocol

// What Sentry keeps of each place of an event, in characters. Relay cuts longer values, with a remark that the event is
// damaged.
const (
	MaxMessageChars     = 8192
	MaxTypeChars        = 256 // of an exception, and its module
	MaxTransactionChars = 200
	MaxTagChars         = 200 // key and value alike; a release too
	MaxNameChars        = 64  // a logger's, a distribution's, an environment's
	MaxMethodChars      = 32  // of a request
	MaxCategoryChars    = 128 // of a breadcrumb; its type, a span's op and a mechanism's type too
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
	MaxFrames      = 250  // of one stack trace

	MaxContextName  = 180  // bytes: Relay writes the name into the context
	MaxContextBytes = 8192 // keys after the last byte vanish without a mark
	MaxContextDepth = 7    // the context itself is level 1

	// MaxCrumbBytes and MaxCrumbDepth also hold for a frame's variables and a mechanism's data.
	MaxCrumbBytes = 2048
	MaxCrumbDepth = 5
)

// What Sentry takes of an event or a transaction, as it is and compressed, in bytes.
const (
	MaxEventBytes  = 1_000_000
	MaxPackedBytes = 200_000
)
