//go:build race

package registry

// The race detector makes everything several times slower.
func init() { slower = 10 }
