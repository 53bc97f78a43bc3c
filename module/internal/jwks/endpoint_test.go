package jwks

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// endpoint publishes a set on loopback.
type endpoint struct {
	*httptest.Server
	answer atomic.Value // http.HandlerFunc
	asked  atomic.Int64
}

func newEndpoint(t *testing.T, answer http.HandlerFunc) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.answer.Store(answer)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		e.answer.Load().(http.HandlerFunc)(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

func says(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, document) }
}

func status(code int, document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, document)
	}
}

// memory is a storage.
type memory struct {
	sync.Mutex
	values map[string][]byte
	stored int
	broken error
}

func (m *memory) Load(_ context.Context, key string) ([]byte, error) {
	m.Lock()
	defer m.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	value, ok := m.values[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return value, nil
}

func (m *memory) Store(_ context.Context, key string, value []byte) error {
	m.Lock()
	defer m.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	m.values[key] = value
	m.stored++
	return nil
}

func (m *memory) holds(key string) string {
	m.Lock()
	defer m.Unlock()
	return string(m.values[key])
}

// used is a set with one user, and what a test wants to see of it.
type used struct {
	*Set
	user    *User
	logs    *observer.ObservedLogs
	storage *memory
	changes atomic.Int64
}

// quick is the refresh time of tests that wait for refreshes, and slow that of
// those that wait for none.
const quick, slow = 2 * time.Millisecond, time.Hour

// use makes a set of a location. It is not joined yet.
func use(t *testing.T, location string, refresh time.Duration) *used {
	t.Helper()
	l, err := ParseLocation(location)
	if err != nil {
		t.Fatal(err)
	}
	u := &used{storage: &memory{}}
	u.Set = NewSet(l, func() { u.changes.Add(1) })
	core, logs := observer.New(zapcore.DebugLevel)
	u.logs = logs
	u.user = &User{Refresh: refresh, Storage: u.storage, Logger: zap.New(core)}
	t.Cleanup(func() { _ = u.Destruct() })
	return u
}

func (u *used) join() *used {
	u.Join(u.user)
	return u
}

// ids are the ids of the keys; "unread" when there was never a set.
func (u *used) ids() string {
	keys, read := u.Keys()
	if !read {
		return "unread"
	}
	return ids(keys)
}

func (u *used) awaitIDs(t *testing.T, want string) {
	t.Helper()
	await(t, "the keys to be "+want, func() bool { return u.ids() == want })
}

// awaitRefreshes waits until the endpoint was asked so often again that what it
// says now was taken or refused.
func (e *endpoint) awaitRefreshes(t *testing.T) {
	t.Helper()
	before := e.asked.Load()
	await(t, "refreshes", func() bool { return e.asked.Load() >= before+3 })
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20 s for %s", what)
		}
	}
}
