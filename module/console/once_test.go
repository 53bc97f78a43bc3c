package console

import (
	"testing"
	"time"

	"github.com/playgate/playgate/module/api/types"
)

// A new token is shown once, to its user, within a minute.
func TestOnce(t *testing.T) {
	var o once
	now := time.Now()
	token := types.IssuedToken{Text: "text"}
	id := o.put("ann", token, now)
	if _, ok := take[types.IssuedToken](&o, "oscar", id, now); ok {
		t.Error("another user gets it")
	}
	if _, ok := take[types.IssuedAPIKey](&o, "ann", id, now); ok {
		t.Error("it is taken for an API key")
	}
	if got, ok := take[types.IssuedToken](&o, "ann", id, now); !ok || got.Text != "text" {
		t.Error("its user does not get it")
	}
	if _, ok := take[types.IssuedToken](&o, "ann", id, now); ok {
		t.Error("it is shown twice")
	}
	id = o.put("ann", token, now)
	if _, ok := take[types.IssuedToken](&o, "ann", id, now.Add(shownWithin+time.Second)); ok {
		t.Error("it is kept for longer than a minute")
	}
	for range maxOnce + 5 {
		id = o.put("ann", token, now)
	}
	if id != "" || len(o.waiting) > maxOnce {
		t.Errorf("%d wait", len(o.waiting))
	}
	if id = o.put("ann", token, now.Add(shownWithin+time.Second)); id == "" || len(o.waiting) != 1 {
		t.Errorf("%d wait after their time", len(o.waiting))
	}
}

// A reload of the configuration begins the new console before it ends the old one.
func TestOnceOutlivesAReload(t *testing.T) {
	acquire := func() *once {
		t.Helper()
		o, err := acquireFresh()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	now := time.Now()
	id := acquire().put("ann", types.IssuedToken{Text: "text"}, now)
	after := acquire()
	if err := releaseFresh(); err != nil {
		t.Fatal(err)
	}
	if got, ok := take[types.IssuedToken](after, "ann", id, now); !ok || got.Text != "text" {
		t.Error("it is lost")
	}
	id = after.put("ann", types.IssuedToken{}, now)
	if err := releaseFresh(); err != nil {
		t.Fatal(err)
	}
	if _, ok := take[types.IssuedToken](acquire(), "ann", id, now); ok {
		t.Error("it outlives the last console")
	}
	if err := releaseFresh(); err != nil {
		t.Fatal(err)
	}
}
