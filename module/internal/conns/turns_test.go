package conns

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Who waits for a turn waits for those of the same organisation, and nothing is kept
// when all have left.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		var all sync.WaitGroup
		began := time.Now()
		for range 6 {
			all.Go(func() {
				defer turns.Take("evil", 2)()
				time.Sleep(time.Hour)
			})
		}
		synctest.Wait()
		if _, ok := turns.Try("evil", 2); ok {
			t.Error("there is a third turn of two")
		}
		giveBack, ok := turns.Try("acme", 2)
		if !ok {
			t.Fatal("another organisation waits")
		}
		giveBack()
		turns.Take("acme", 2)()
		if time.Since(began) != 0 {
			t.Errorf("another organisation has waited for %v", time.Since(began))
		}
		all.Wait()
		if time.Since(began) != 3*time.Hour || len(turns.orgs) != 0 {
			t.Errorf("%v for three times two; %d organisations are left", time.Since(began), len(turns.orgs))
		}
	})
}
