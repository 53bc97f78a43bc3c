package handoff

// SharedBody is the complete content of an answer that many requests get.
type SharedBody interface {
	// Bytes is the content. It must not be changed.
	Bytes() []byte

	// Derive returns what has been worked out of the content under a key, or works
	// it out with make, which also returns how many bytes of memory it takes. Where
	// there is no room, it is worked out each time.
	Derive(key any, make func() (value any, size int)) any
}

// SharedWriter is a response writer that makes use of knowing that many get the
// same.
type SharedWriter interface {
	// WantsWhole reports whether a body that begins in this way, and whose header
	// has been written, is worth waiting for until it is complete, because nothing
	// is sent before.
	WantsWhole(head []byte) bool

	// WriteShared writes a whole body. It is called once, in the place of Write.
	WriteShared(SharedBody) error
}
