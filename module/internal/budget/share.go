package budget

// Share is a part of a budget that one request holds. [Budget.Take] makes it.
type Share struct {
	budget   *Budget
	holder   string
	size     int64
	granted  chan struct{} // closed when the bytes are taken; nil if there was no wait
	released bool          // guarded by the mutex of the budget
}

// Release gives the bytes back, and lets those who wait for them go on. Only the first
// call does, whichever goroutine it comes from. A nil share has nothing to give back.
func (s *Share) Release() {
	if s == nil {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if s.released {
		return
	}
	s.released = true
	s.budget.giveBack(s)
}
