package jwks

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The last good set is used at a start at which nobody publishes it, before
// anything is fetched.
func TestKeptSet(t *testing.T) {
	e := newEndpoint(t, says(setOf(t, "a")))
	first := use(t, e.URL, quick).join()
	key := first.location.storageKey()
	await(t, "the set to be kept", func() bool { return first.storage.holds(key) == setOf(t, "a") })
	e.answer.Store(status(500, ""))
	e.awaitRefreshes(t)
	if first.storage.holds(key) != setOf(t, "a") {
		t.Error("what failed was kept")
	}
	if err := first.Destruct(); err != nil {
		t.Fatal(err)
	}
	if first.storage.stored != 1 {
		t.Errorf("one set was stored %d times", first.storage.stored)
	}
	e.Close()

	second := use(t, e.URL, slow)
	second.user.Storage = first.storage
	second.join()
	if got := second.ids(); got != "a" || second.changes.Load() != 1 {
		t.Errorf("at once the keys are %q, after %d changes", got, second.changes.Load())
	}
	await(t, "a warning that the last keys stay", func() bool { return second.logs.FilterMessageSnippet("its last keys stay in use").Len() == 1 })

	third := use(t, e.URL, slow).join()
	await(t, "a warning that there are none", func() bool { return third.logs.FilterMessageSnippet("none was kept").Len() == 1 })
	if got := third.ids(); got != "unread" {
		t.Errorf("the keys are %q", got)
	}
}

// A set that was kept is judged like one that is fetched.
func TestKeptSetThatIsNoGood(t *testing.T) {
	e := newEndpoint(t, status(500, ""))
	for name, document := range map[string]string{
		"garbage": "garbage", "cut": setOf(t, "a")[:50], "too large": setOf(t, "a") + strings.Repeat(" ", MaxBytes), "nothing": "",
	} {
		u := use(t, e.URL, slow)
		u.storage.values = map[string][]byte{u.location.storageKey(): []byte(document)}
		u.join()
		if got := u.ids(); got != "unread" {
			t.Errorf("%s: the keys are %q", name, got)
		}
		if u.logs.FilterMessage("the key set that was kept cannot be used").FilterLevelExact(zapcore.WarnLevel).Len() != 1 {
			t.Errorf("%s: no warning", name)
		}
	}
}

// A storage that fails costs nothing but the kept set, and is told once.
func TestStorageThatFails(t *testing.T) {
	e := newEndpoint(t, says(setOf(t, "a")))
	u := use(t, e.URL, quick)
	u.storage.broken = errors.New("the disk is full")
	u.join()
	u.awaitIDs(t, "a")
	e.awaitRefreshes(t)
	for _, message := range []string{"the key set that was kept cannot be used", "the key set cannot be kept for the next start"} {
		if n := u.logs.FilterMessage(message).Len(); n != 1 {
			t.Errorf("%q was logged %d times", message, n)
		}
	}
	u.storage.Lock()
	u.storage.broken = nil
	u.storage.Unlock()
	await(t, "the set to be kept after all", func() bool { return u.storage.holds(u.location.storageKey()) != "" })
}

// A configuration takes a set over as it is, with its own storage, logger and
// refresh time, and leaves it to the next.
func TestUsers(t *testing.T) {
	e := newEndpoint(t, says(setOf(t, "a")))
	u := use(t, e.URL, slow).join()
	u.awaitIDs(t, "a")
	await(t, "the set to be kept", func() bool { return u.storage.holds(u.location.storageKey()) != "" })

	next := &User{Refresh: quick, Storage: &memory{}, Logger: zap.NewNop()}
	u.Join(next)
	await(t, "the next storage to keep the set", func() bool { return next.Storage.(*memory).holds(u.location.storageKey()) != "" })
	u.Leave(u.user)
	if got := u.ids(); got != "a" {
		t.Errorf("the keys are %q", got)
	}
	e.answer.Store(says(setOf(t, "b")))
	u.awaitIDs(t, "b")
	if u.logs.FilterMessage("the key set was read").Len() != 1 {
		t.Error("the logger of a configuration that has ended is still used")
	}
	u.Leave(next)
	u.Leave(next)
	if u.user.Refresh = quick; u.refreshTime() != DefaultRefresh {
		t.Errorf("nobody's refresh time is %v", u.refreshTime())
	}
	u.Join(&User{Refresh: time.Minute, Logger: zap.NewNop()})
	u.Join(&User{Refresh: time.Hour, Logger: zap.NewNop()})
	if got := u.refreshTime(); got != time.Minute {
		t.Errorf("of an hour and a minute, %v counts", got)
	}
	for range 2 {
		if err := u.Destruct(); err != nil {
			t.Fatal(err)
		}
	}
	if got := u.ids(); got != "b" {
		t.Errorf("at the end the keys are %q", got)
	}
}

// A set that nobody joined ends as well.
func TestDestructUnused(t *testing.T) {
	u := use(t, "https://keys.example", slow)
	u.Miss()
	u.Leave(u.user)
	if err := u.Destruct(); err != nil {
		t.Error(err)
	}
}
