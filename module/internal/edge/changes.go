package edge

import "sync/atomic"

// Changes counts what a verdict can depend on, but time.
type Changes struct{ registry, keySets atomic.Uint64 }

// RegistryChanged says that a registry has changed in something on which a verdict
// can depend.
func (c *Changes) RegistryChanged() { c.registry.Add(1) }

// KeySetChanged says that a key set has changed.
func (c *Changes) KeySetChanged() { c.keySets.Add(1) }

// OfKeySets grows with each change of any key set.
func (c *Changes) OfKeySets() uint64 { return c.keySets.Load() }

// Count grows with each change.
func (c *Changes) Count() uint64 { return c.registry.Load() + c.keySets.Load() }
