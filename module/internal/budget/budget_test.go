package budget

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// taking is a call of Take in a goroutine of its own.
type taking struct {
	done  chan struct{}
	share *Share
	err   error
}

// takeLater starts a call of Take, and returns when it has ended or waits. It works
// in a synctest bubble only.
func takeLater(ctx context.Context, b *Budget, holder string, n int64) *taking {
	t := &taking{done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.share, t.err = b.Take(ctx, holder, n)
	}()
	synctest.Wait()
	return t
}

// waits reports whether the call has not ended once all other goroutines are at rest.
func (t *taking) waits() bool {
	synctest.Wait()
	select {
	case <-t.done:
		return false
	default:
		return true
	}
}

func mustTake(t *testing.T, b *Budget, holder string, n int64) *Share {
	t.Helper()
	s, err := b.Take(context.WithoutCancel(t.Context()), holder, n)
	if err != nil {
		t.Fatalf("%q cannot take %d bytes: %v", holder, n, err)
	}
	return s
}

// checkAllFree fails unless everything was given back.
func checkAllFree(t *testing.T, b *Budget) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free != b.size || b.queue.Len() != 0 || len(b.holders) != 0 {
		t.Errorf("%d of %d bytes are free, %d wait, holders %v", b.free, b.size, b.queue.Len(), b.holders)
	}
}

// Shares are granted up to the last byte, and what is released is granted again.
func TestTakeAndRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		first := mustTake(t, b, "a", 4)
		second := mustTake(t, b, "b", 6)
		third := takeLater(t.Context(), b, "c", 5)
		if !third.waits() {
			t.Fatal("more was granted than there is")
		}
		first.Release()
		if !third.waits() {
			t.Fatal("5 bytes were granted of 4 that are free")
		}
		second.Release()
		if third.waits() || third.err != nil {
			t.Fatalf("not granted with all bytes free: %v", third.err)
		}
		third.share.Release()
		mustTake(t, b, "a", 10).Release()
		checkAllFree(t, b)
	})
}

// Those who wait get their shares in the order in which they came.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		all := mustTake(t, b, "", 10)
		var order []int
		var waiting sync.WaitGroup
		for i := range 20 {
			waiting.Go(func() {
				s, err := b.Take(t.Context(), "", 10)
				if err != nil {
					t.Errorf("%d: %v", i, err)
					return
				}
				order = append(order, i)
				s.Release()
			})
			synctest.Wait()
		}
		all.Release()
		waiting.Wait()
		if len(order) != 20 || !slices.IsSorted(order) {
			t.Errorf("granted in the order %v", order)
		}
		checkAllFree(t, b)
	})
}

// A small share does not overtake a large one that came earlier, neither when it
// comes nor when bytes are released; it is granted together with it.
func TestNoOvertaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		first, second := mustTake(t, b, "a", 3), mustTake(t, b, "b", 3)
		large := takeLater(t.Context(), b, "c", 8)
		small := takeLater(t.Context(), b, "d", 2)
		if !large.waits() || !small.waits() {
			t.Fatal("a small share went ahead when it came")
		}
		first.Release()
		if !large.waits() || !small.waits() {
			t.Fatal("a small share went ahead when bytes were released")
		}
		second.Release()
		if large.waits() || small.waits() || large.err != nil || small.err != nil {
			t.Fatalf("not granted with all bytes free: %v, %v", large.err, small.err)
		}
		large.share.Release()
		small.share.Release()
		checkAllFree(t, b)
	})
}

// A holder has two shares, held or awaited; others are not touched by that.
func TestPerHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		held := mustTake(t, b, "a", 8)
		ctx, cancel := context.WithCancel(t.Context())
		awaited := takeLater(ctx, b, "a", 8)
		refused := takeLater(t.Context(), b, "a", 1)
		if refused.waits() || !errors.Is(refused.err, ErrBusy) || refused.share != nil {
			t.Fatalf("one held and one awaited: the third gets %v", refused.err)
		}
		cancel()
		if awaited.waits() {
			t.Fatal("a cancelled call waits")
		}
		second := mustTake(t, b, "a", 1)
		if _, err := b.Take(t.Context(), "a", 0); !errors.Is(err, ErrBusy) {
			t.Fatalf("two held: the third gets %v", err)
		}
		other := mustTake(t, b, "b", 1)
		held.Release()
		third := mustTake(t, b, "a", 1)
		if _, err := b.Take(t.Context(), "a", 1); !errors.Is(err, ErrBusy) {
			t.Fatalf("two held after a release: the third gets %v", err)
		}
		second.Release()
		third.Release()
		other.Release()
		checkAllFree(t, b)
	})
}

// Requests without a token are limited by the size alone, held and awaited, and take
// their turn behind those that came earlier.
func TestNoHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		var shares []*Share
		for range 10 {
			shares = append(shares, mustTake(t, b, "", 1))
		}
		named := takeLater(t.Context(), b, "a", 10)
		var waiting []*taking
		for range 10 {
			waiting = append(waiting, takeLater(t.Context(), b, "", 1))
		}
		for _, s := range shares {
			if !named.waits() {
				t.Fatal("an eleventh byte of ten was granted")
			}
			s.Release()
		}
		if named.waits() || named.err != nil {
			t.Fatalf("the holder did not get its turn: %v", named.err)
		}
		named.share.Release()
		for _, w := range waiting {
			if w.waits() || w.err != nil {
				t.Fatalf("not granted with all bytes free: %v", w.err)
			}
			w.share.Release()
		}
		checkAllFree(t, b)
	})
}

// A wait ends with its deadline, not before and not after, and those behind go on.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		held := mustTake(t, b, "a", 8)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		late := takeLater(ctx, b, "b", 8)
		behind := takeLater(t.Context(), b, "c", 2)
		<-late.done
		if late.share != nil || !errors.Is(late.err, ErrBusy) || time.Since(start) != 5*time.Second {
			t.Errorf("ended after %s with %v", time.Since(start), late.err)
		}
		if behind.waits() || behind.err != nil {
			t.Fatalf("the one behind did not go on: %v", behind.err)
		}
		held.Release()
		behind.share.Release()
		checkAllFree(t, b)
	})
}

// A cancelled wait returns the cause, and lets all go on that it kept waiting.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		held := mustTake(t, b, "a", 5)
		gone := errors.New("the client has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		large := takeLater(ctx, b, "b", 8)
		behind := takeLater(t.Context(), b, "c", 2)
		next := takeLater(t.Context(), b, "d", 3)
		last := takeLater(t.Context(), b, "e", 1)
		cancel(gone)
		if large.waits() || large.share != nil || !errors.Is(large.err, gone) || errors.Is(large.err, ErrBusy) {
			t.Errorf("cancelled with %v", large.err)
		}
		if behind.waits() || next.waits() || behind.err != nil || next.err != nil {
			t.Fatalf("those behind did not go on: %v, %v", behind.err, next.err)
		}
		if !last.waits() {
			t.Fatal("more was granted than there is")
		}
		held.Release()
		if last.waits() || last.err != nil {
			t.Fatalf("not granted with bytes free: %v", last.err)
		}
		for _, w := range []*taking{behind, next, last} {
			w.share.Release()
		}
		checkAllFree(t, b)
	})
}

// One who leaves from the middle of the queue does not let others go ahead.
func TestCancelInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		held := mustTake(t, b, "a", 5)
		large := takeLater(t.Context(), b, "b", 10)
		ctx, cancel := context.WithCancel(t.Context())
		middle := takeLater(ctx, b, "c", 2)
		behind := takeLater(t.Context(), b, "d", 2)
		cancel()
		if middle.waits() || !large.waits() || !behind.waits() {
			t.Fatal("the cancelled one waits, or another went ahead")
		}
		held.Release()
		if large.waits() || large.err != nil || !behind.waits() {
			t.Fatal("the queue lost its order")
		}
		large.share.Release()
		<-behind.done
		behind.share.Release()
		checkAllFree(t, b)
	})
}

// A context that has ended gets nothing, however much is free.
func TestEndedContext(t *testing.T) {
	b := New(10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := b.Take(ctx, "a", 1); s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if s, err := b.Take(ctx, "a", 1); s != nil || !errors.Is(err, ErrBusy) {
		t.Errorf("deadline before: %v", err)
	}
	checkAllFree(t, b)
}

// A share that is granted in the moment of cancelling is not lost. The mutex is held
// meanwhile, so that the call has seen the end of its context, but not the grant.
func TestGrantWhileCancelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		held := mustTake(t, b, "a", 10)
		ctx, cancel := context.WithCancel(t.Context())
		waiting := takeLater(ctx, b, "b", 10)
		b.mu.Lock()
		cancel()
		held.released = true
		b.giveBack(held)
		b.mu.Unlock()
		<-waiting.done
		if waiting.err != nil {
			t.Errorf("a granted share came with %v", waiting.err)
		}
		waiting.share.Release()
		checkAllFree(t, b)
	})
}

// Cancelling and granting at the same time, many times over, loses no bytes.
func TestCancelRace(t *testing.T) {
	b := New(10)
	granted, cancelled := 0, 0
	for range 5000 {
		held := mustTake(t, b, "a", 10)
		ctx, cancel := context.WithCancel(t.Context())
		var racing sync.WaitGroup
		racing.Go(func() {
			s, err := b.Take(ctx, "b", 10)
			if err != nil {
				cancelled++
				return
			}
			granted++
			s.Release()
		})
		racing.Go(cancel)
		racing.Go(held.Release)
		racing.Wait()
		checkAllFree(t, b)
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d were granted, %d cancelled", granted, cancelled)
}

// Amounts that no waiting makes possible are refused at once, with both numbers.
func TestImpossible(t *testing.T) {
	b := New(10)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s, err := b.Take(ctx, "a", 11)
	if s != nil || !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrBusy) {
		t.Fatalf("11 bytes of 10: %v", err)
	}
	if text := err.Error(); !strings.Contains(text, "11") || !strings.Contains(text, "10") {
		t.Errorf("the error does not say how much is too much: %s", text)
	}
	if s, err := b.Take(ctx, "a", -1); s != nil || err == nil {
		t.Error("a negative number of bytes was granted")
	}
	checkAllFree(t, b)
}

// A second Release gives nothing back, and neither does one of nothing.
func TestReleaseTwice(t *testing.T) {
	b := New(10)
	first, second := mustTake(t, b, "a", 4), mustTake(t, b, "a", 6)
	var releases sync.WaitGroup
	for range 8 {
		releases.Go(first.Release)
	}
	releases.Wait()
	if b.free != 4 || b.holders["a"] != 1 {
		t.Errorf("%d bytes are free, and the holder has %d shares", b.free, b.holders["a"])
	}
	second.Release()
	(*Share)(nil).Release()
	checkAllFree(t, b)
}

// However many take, give up and release at the same time, the shares that are held
// never exceed the size, no holder has more than two, and nothing is lost.
func TestManyTakers(t *testing.T) {
	const size, holders = 1000, 50
	b := New(size)
	var held, granted atomic.Int64
	var shares [holders]atomic.Int64
	var takers sync.WaitGroup
	for i := range 4000 {
		takers.Go(func() {
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20))*time.Millisecond)
				n := rand.Int64N(size + 1)
				s, err := b.Take(ctx, fmt.Sprint(i%holders), n)
				cancel()
				if err != nil {
					continue
				}
				granted.Add(1)
				if sum := held.Add(n); sum > size {
					t.Errorf("%d bytes of %d are held", sum, size)
				}
				if has := shares[i%holders].Add(1); has > perHolder {
					t.Errorf("a holder has %d shares", has)
				}
				shares[i%holders].Add(-1)
				held.Add(-n)
				s.Release()
			}
		})
	}
	takers.Wait()
	if granted.Load() == 0 {
		t.Error("nothing was granted")
	}
	checkAllFree(t, b)
}

// Without waiting, the share is all that is allocated.
func TestAllocations(t *testing.T) {
	b := New(10)
	ctx := t.Context()
	allocations := testing.AllocsPerRun(100, func() {
		s, err := b.Take(ctx, "a", 1)
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	})
	if allocations > 1 {
		t.Errorf("%v allocations for a share", allocations)
	}
}

// A share that shrinks lets those who wait go on, and gives back what it has left once.
func TestShrink(t *testing.T) {
	b := New(100)
	s, err := b.Take(t.Context(), "", 80)
	if err != nil {
		t.Fatal(err)
	}
	granted := make(chan *Share)
	go func() {
		other, _ := b.Take(t.Context(), "", 60)
		granted <- other
	}()
	s.Shrink(90) // it never grows
	s.Shrink(-1)
	s.Shrink(40)
	other := <-granted
	s.Release()
	s.Shrink(0)
	other.Release()
	(*Share)(nil).Shrink(0)
	if b.free != 100 {
		t.Errorf("%d bytes are free instead of 100", b.free)
	}
}

// A share grows by what is free, at once or not at all.
func TestGrow(t *testing.T) {
	b := New(100)
	s, err := b.Take(t.Context(), "", 40)
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.Take(t.Context(), "", 30)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		to   int64
		want error
		free int64
	}{{30, nil, 30}, {60, nil, 10}, {71, ErrBusy, 10}, {70, nil, 0}} {
		if err := s.Grow(tt.to); !errors.Is(err, tt.want) || b.free != tt.free {
			t.Errorf("to %d: %v, %d bytes are free", tt.to, err, b.free)
		}
	}
	other.Release()
	s.Release()
	if err := errors.Join(s.Grow(90), (*Share)(nil).Grow(1)); err != nil || b.free != 100 {
		t.Errorf("%v, %d bytes are free instead of 100", err, b.free)
	}
}
