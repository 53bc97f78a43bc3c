package jwks

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/playgate/playgate/module/token"
)

// Keys come with the document and go with it; each change is told once, when
// the keys can be seen already.
func TestRotation(t *testing.T) {
	e := newEndpoint(t, says(setOf(t, "a", "b")))
	u := use(t, e.URL, quick)
	seen := make(chan string, 100)
	u.changed = func() { seen <- u.ids() }
	u.join()
	for _, step := range []struct{ document, ids string }{
		{setOf(t, "a", "b"), "a b"}, {setOf(t, "b", "c"), "b c"}, {setOf(t, "c"), "c"}, {set(), ""}, {setOf(t, "a"), "a"},
	} {
		e.answer.Store(says(step.document))
		u.awaitIDs(t, step.ids)
		e.awaitRefreshes(t)
		if got := <-seen; got != step.ids {
			t.Errorf("at the change the keys are %q, not %q", got, step.ids)
		}
	}
	if len(seen) != 0 {
		t.Error("a change was told of a set that stayed the same")
	}
	if n := u.logs.FilterMessage("the key set was read").Len(); n != 5 {
		t.Errorf("5 changes were logged %d times", n)
	}
}

// An answer that is no good changes nothing, is logged once however often it
// comes, and again when it is over.
func TestFailedRefreshKeepsTheSet(t *testing.T) {
	good, other := setOf(t, "a"), setOf(t, "b")
	hang := make(chan struct{})
	elsewhere := newEndpoint(t, says(other))
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"500":               {status(500, other), "status 500"},
		"404":               {status(404, other), "status 404"},
		"201":               {status(201, other), "status 201"},
		"203":               {status(203, other), "status 203"},
		"garbage":           {says("<html>"), "not a JSON Web Key Set"},
		"nothing":           {says(""), "not a JSON Web Key Set"},
		"too large":         {says(other + strings.Repeat(" ", MaxBytes)), "at most 262144 bytes"},
		"larger and larger": {func(w http.ResponseWriter, r *http.Request) { begin(w, strings.Repeat(" ", MaxBytes+1)); wait(r, hang) }, "at most 262144 bytes"},
		"65 keys":           {says(set(strings.Split(strings.Repeat("{};", 65), ";")[:65]...)), "at most 64 keys"},
		"redirect":          {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, "redirects are not followed"},
		"moved":             {http.RedirectHandler(elsewhere.URL, http.StatusPermanentRedirect).ServeHTTP, "redirects are not followed"},
		"inside":            {redirectWithin(other), "redirects are not followed"},
		"300":               {status(300, other), "redirects are not followed"},
		"no answer":         {func(_ http.ResponseWriter, r *http.Request) { wait(r, hang) }, "no complete answer"},
		"no end":            {func(w http.ResponseWriter, r *http.Request) { begin(w, other); wait(r, hang) }, "no complete answer"},
		"broken off":        {func(w http.ResponseWriter, _ *http.Request) { begin(w, other[:9]); panic(http.ErrAbortHandler) }, "EOF"},
		"gzip bomb":         {bomb(other), "at most 262144 bytes"},
		"large header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			begin(w, other)
		}, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, says(good))
			u := use(t, e.URL, quick)
			u.within = 10 * time.Second
			if strings.HasPrefix(name, "no ") || name == "larger and larger" {
				u.within = 200 * time.Millisecond
			}
			u.join()
			u.awaitIDs(t, "a")
			e.answer.Store(tc.answer)
			e.awaitRefreshes(t)
			if got := u.ids(); got != "a" {
				t.Errorf("the keys are %q", got)
			}
			warnings := u.logs.FilterLevelExact(zapcore.WarnLevel).All()
			if len(warnings) != 1 || !strings.Contains(fmt.Sprint(warnings[0].ContextMap()["error"]), tc.says) {
				t.Errorf("the warnings are %v, not one that says %q", warnings, tc.says)
			}
			e.answer.Store(says(other))
			u.awaitIDs(t, "b")
			await(t, "a line at the end of it", func() bool { return u.logs.FilterMessage("the key set can be read again").Len() == 1 })
			e.answer.Store(tc.answer)
			await(t, "the next failure to be logged", func() bool { return u.logs.FilterLevelExact(zapcore.WarnLevel).Len() == 2 })
		})
	}
	close(hang)
	if elsewhere.asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func wait(r *http.Request, end <-chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-end:
	}
}

func begin(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text)
	w.(http.Flusher).Flush()
}

// redirectWithin redirects to another path of the same endpoint, which has a set.
func redirectWithin(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			says(document)(w, r)
			return
		}
		http.Redirect(w, r, "/there", http.StatusSeeOther)
	}
}

func bomb(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, document)
		_, _ = z.Write([]byte(strings.Repeat(" ", 8<<20)))
		_ = z.Close()
	}
}

// A certificate that nobody vouches for is no https.
func TestUnknownCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(says(setOf(t, "a")))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	u := use(t, server.URL, quick).join()
	await(t, "the failure to be logged", func() bool { return u.logs.FilterLevelExact(zapcore.WarnLevel).Len() == 1 })
	if got := u.ids(); got != "unread" {
		t.Errorf("the keys are %q", got)
	}
}

// Nothing that may be secret in the URL is in a log, whatever goes wrong; the
// publisher gets it.
func TestSecretsOfTheURLAreNotLogged(t *testing.T) {
	var user, query string
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		_, user, _ = r.BasicAuth()
		query = r.URL.RawQuery
		says(set(weak(t)))(w, r)
	})
	u := use(t, strings.Replace(e.URL, "://", "://sesame:sesame@", 1)+"/jwks?a=sesame", quick)
	u.storage.broken = io.ErrUnexpectedEOF
	u.join()
	u.awaitIDs(t, "")
	if user != "sesame" || query != "a=sesame" {
		t.Errorf("the publisher got %q and %q", user, query)
	}
	for _, answer := range []http.HandlerFunc{
		status(500, ""), says("sesame"), http.RedirectHandler("/?sesame", http.StatusFound).ServeHTTP, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		logged := u.logs.Len()
		e.answer.Store(answer)
		await(t, "a failure", func() bool { return u.logs.Len() > logged })
		logged = u.logs.Len()
		e.answer.Store(says(set()))
		await(t, "its end", func() bool { return u.logs.Len() > logged })
	}
	logged := u.logs.Len()
	e.Close()
	await(t, "the last failure", func() bool { return u.logs.Len() > logged })
	for _, entry := range u.logs.All() {
		if line := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(line, "sesame") {
			t.Errorf("logged: %s", line)
		}
		if entry.ContextMap()["jwks"] != e.URL+"/jwks" {
			t.Errorf("the line does not name the set: %v", entry)
		}
	}
}

// A key that is ignored is told once for each document, without its material.
func TestIgnoredKeysAreLogged(t *testing.T) {
	e := newEndpoint(t, says(set(weak(t), jwk(t, "a", token.EdDSA, true))))
	u := use(t, e.URL, quick).join()
	u.awaitIDs(t, "a")
	e.awaitRefreshes(t)
	lines := u.logs.FilterMessage("a key of the key set is ignored").All()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	fields := lines[0].ContextMap()
	if fields["position"] != int64(1) || fields["key_id"] != "weak" || fields["why"] != "key weak: an RSA key needs at least 2048 bits" || lines[0].Level != zapcore.WarnLevel {
		t.Errorf("logged: %v", fields)
	}
}

// However many tokens name keys that are not there, the publisher is asked no
// more often than the pause allows; but it is asked long before the refresh.
func TestMissesRefreshEarly(t *testing.T) {
	e := newEndpoint(t, says(setOf(t, "a")))
	u := use(t, e.URL, slow)
	if u.early != 10*time.Second {
		t.Errorf("the pause is %v", u.early)
	}
	u.early = 100 * time.Millisecond
	began := time.Now()
	u.join()
	u.awaitIDs(t, "a")
	e.answer.Store(says(setOf(t, "b")))
	const early = 4
	await(t, "early refreshes", func() bool {
		for range 1000 {
			u.Miss()
		}
		return e.asked.Load() > early
	})
	if took := time.Since(began); took < early*u.early {
		t.Errorf("%d refreshes within %v", early+1, took)
	}
	u.awaitIDs(t, "b")
}

// The next refresh is after the refresh time, sooner after a failure, and not
// within ten seconds of the last for a token's sake.
func TestWhenTheNextRefreshIs(t *testing.T) {
	u := use(t, "https://keys.example", 10*time.Minute)
	u.users = []*User{u.user}
	last := time.Now()
	for _, tc := range []struct {
		failures int
		asked    bool
		from, to time.Duration
	}{
		{0, false, 9 * time.Minute, 10 * time.Minute},
		{1, false, 900 * time.Millisecond, time.Second},
		{2, false, 1800 * time.Millisecond, 2 * time.Second},
		{5, false, 14400 * time.Millisecond, 16 * time.Second},
		{7, false, 54 * time.Second, time.Minute},
		{1000, false, 54 * time.Second, time.Minute},
		{0, true, 10 * time.Second, 10 * time.Second},
		{1000, true, 10 * time.Second, 10 * time.Second},
	} {
		u.asked.Store(tc.asked)
		if got := u.due(last, tc.failures).Sub(last); got < tc.from || got > tc.to {
			t.Errorf("%d failures, asked %t: %v", tc.failures, tc.asked, got)
		}
	}
	u.asked.Store(false)
	u.user.Refresh = 10 * time.Second
	if got := u.due(last, 1000).Sub(last); got > 10*time.Second {
		t.Errorf("after a failure, %v instead of 10 s", got)
	}
	if got := u.due(time.Time{}, 0); got.After(time.Now()) {
		t.Errorf("the first time is %v", got)
	}
}

// A file is read again like a URL; while it cannot be read, its last keys stay.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	write := func(document string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write(setOf(t, "a"))
	u := use(t, path, quick).join()
	if got := u.ids(); got != "a" {
		t.Errorf("after Join the keys are %q", got)
	}
	write(setOf(t, "b"))
	u.awaitIDs(t, "b")
	for _, spoil := range []func(){func() { write("") }, func() { write("no set") }, func() { _ = os.Remove(path) }, func() { _ = os.Remove(path); _ = os.Mkdir(path, 0o700) }} {
		warned := u.logs.FilterLevelExact(zapcore.WarnLevel).Len()
		spoil()
		await(t, "a warning", func() bool { return u.logs.FilterLevelExact(zapcore.WarnLevel).Len() > warned })
		if got := u.ids(); got != "b" {
			t.Errorf("the keys are %q", got)
		}
		_ = os.Remove(path)
		recovered := u.logs.FilterMessage("the key set can be read again").Len()
		write(setOf(t, "b"))
		await(t, "the end of it", func() bool { return u.logs.FilterMessage("the key set can be read again").Len() > recovered })
	}
	if u.storage.stored != 0 {
		t.Error("a file was kept in the storage")
	}
}

// A configuration that begins reads the file at once, however long the refresh
// time is.
func TestAFileIsReadWhenItIsJoined(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	for _, id := range []string{"a", "b"} {
		if err := os.WriteFile(path, []byte(setOf(t, id)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u := use(t, path, slow).join()
	if err := os.WriteFile(path, []byte(setOf(t, "c")), 0o600); err != nil {
		t.Fatal(err)
	}
	u.Join(&User{Refresh: slow, Logger: u.user.Logger})
	if got := u.ids(); got != "c" {
		t.Errorf("the keys are %q", got)
	}
}

// What a file must hold at load.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct{ document, says string }{
		"good":      {setOf(t, "a"), ""},
		"empty":     {"", "the file is empty"},
		"garbage":   {"key", "not a JSON Web Key Set"},
		"one key":   {jwk(t, "a", token.EdDSA, true), "not a JSON Web Key Set"},
		"no key":    {set(), "there is no key in the set"},
		"no use":    {set(weak(t)), "at least 2048 bits"},
		"too large": {set() + strings.Repeat(" ", MaxBytes), "at most 262144 bytes"},
		"directory": {"", "not a regular file"},
		"no file":   {"", "no such file"},
	} {
		path := filepath.Join(dir, name)
		switch name {
		case "directory":
			path = dir
		case "no file":
		default:
			if err := os.WriteFile(path, []byte(tc.document), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, err := ParseLocation(path)
		if err != nil {
			t.Fatal(err)
		}
		document, err := l.ReadFile()
		if tc.says == "" {
			if err != nil || string(document) != tc.document {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
