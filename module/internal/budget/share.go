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

// Shrink gives all bytes but n back, and lets those who wait for them go on. A share
// that has no more than that, was released, or is nil stays as it is.
func (s *Share) Shrink(n int64) {
	if s == nil {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if s.released || n < 0 || s.size <= n {
		return
	}
	s.budget.free += s.size - n
	s.size = n
	s.budget.grant()
}

// Grow takes more bytes, up to n, if they are free; it does not wait, because two that
// wait for each other would wait for ever. The error is [ErrBusy]. A share that has as
// many, or is nil, stays as it is.
func (s *Share) Grow(n int64) error {
	if s == nil {
		return nil
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	more := n - s.size
	switch {
	case s.released || more <= 0:
		return nil
	case more > s.budget.free:
		return ErrBusy
	}
	s.budget.free -= more
	s.size = n
	return nil
}
