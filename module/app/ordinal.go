package app

// Ordinal numbers the handlers of a kind in the order in which a configuration
// provisions them, from 0. An unchanged configuration gives each the same number
// after a reload.
func (a *App) Ordinal(kind string) int {
	if a.ordinals == nil {
		a.ordinals = make(map[string]int)
	}
	n := a.ordinals[kind]
	a.ordinals[kind]++
	return n
}
