package gate

import "testing"

// Whatever makes a gate whose list of keys is empty, no key is good for it.
func TestAnEmptyListOfKeysIsNotAll(t *testing.T) {
	h := newGate(t, "")
	allowed(t, serve(t, h, new(origin), by(media, mint(t, nil))))
	h.Keys = []string{}
	denied(t, h, by(media, mint(t, nil)), 401, "unknown_key")
}
