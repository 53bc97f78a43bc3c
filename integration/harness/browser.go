//go:build players

package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Browser is a headless chromium in which pages play.
type Browser struct {
	// Version is what the browser says of itself.
	Version string

	// Pages is the URL of the server of its pages.
	Pages string

	input   io.WriteCloser
	stderr  capture
	writing sync.Mutex

	mu      sync.Mutex
	last    int
	waiting map[int]chan Outcome
	ended   chan struct{}
}

// Outcome is what a player in a page came to.
type Outcome struct {
	// Played tells that a second was played.
	Played bool
	// Status and Reason are what the page learned of a refusal, and From is how:
	// by the player's error "event" or by a "GET" of the same URL.
	Status       int
	Reason, From string
	// State, Cover and Facts are what a page of Playgate's own shows, and Native
	// is that the browser plays it by itself.
	State, Cover, Facts string
	Native              bool
	// Notes are what a story has measured, in milliseconds.
	Notes map[string]int
	// Detail and Said, the page's console, are for a person who looks for a
	// failure.
	Detail string
	Said   []string
}

// BrokeAlone tells that the player gave up though its URL is not refused.
func (o Outcome) BrokeAlone() bool { return !o.Played && o.Status == http.StatusOK && o.From == "GET" }

// StartBrowser starts the browser, and a server for the page that is another
// origin than any gate.
func StartBrowser(t testing.TB, packages Packages) *Browser {
	t.Helper()
	pages := NewOrigin(t, playerPages(packages))
	b := &Browser{Pages: pages.URL, waiting: map[int]chan Outcome{}, ended: make(chan struct{})}
	cmd := exec.Command(Node(), filepath.Join(packages.Source, "browser.cjs"))
	cmd.Env = append(isolated(t.TempDir()), "NODE_PATH="+packages.Dir)
	cmd.Stderr = &b.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if b.input, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting node: %v", err)
	}
	versions := make(chan string, 1)
	go func() {
		defer close(b.ended)
		b.read(output, versions)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		b.input.Close()
		select {
		case <-b.ended:
		case <-time.After(10 * time.Second):
			t.Error("the browser did not end with its input")
			cmd.Process.Kill() // the browser ends with the pipes to node
			<-b.ended
		}
		if t.Failed() {
			t.Logf("the browser's errors:\n%s", tail(b.stderr.String(), 4000))
		}
	})
	select {
	case b.Version = <-versions:
	case <-b.ended:
		t.Fatalf("the browser ended at start\n%s", b.stderr.String())
	case <-time.After(Deadline):
		t.Fatalf("waited %v for the browser", Deadline)
	}
	return b
}

func playerPages(packages Packages) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, "/lib/"); ok {
			serveFile(w, r, filepath.Join(packages.Dir, filepath.FromSlash(path)))
			return
		}
		serveFile(w, r, filepath.Join(packages.Source, filepath.Base(r.URL.Path)))
	})
}

func (b *Browser) read(output io.Reader, versions chan<- string) {
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var line struct {
			ID      int
			Version string
			Outcome
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if line.Version != "" {
			versions <- line.Version
			continue
		}
		b.mu.Lock()
		answer := b.waiting[line.ID]
		delete(b.waiting, line.ID)
		b.mu.Unlock()
		if answer != nil {
			answer <- line.Outcome
		}
	}
}

// Options are what a player gets besides a URL.
type Options struct {
	// Headers go with each request, and cookies do if Credentials is true.
	Headers     map[string]string `json:"headers,omitempty"`
	Credentials bool              `json:"credentials,omitempty"`
	// Seconds are to be played, instead of one.
	Seconds int `json:"seconds,omitempty"`
	// Also loads a thumbnail: of "cues" beside the playlist, or the "player" has them.
	Also string `json:"also,omitempty"`
	// Page is the URL of the page if another one than that of Pages.
	Page string `json:"-"`
}

// Run gives a player in a fresh page a URL, and its media type.
func (b *Browser) Run(ctx context.Context, player, url, mediaType string) (Outcome, error) {
	return b.RunWith(ctx, player, url, mediaType, Options{})
}

// RunWith is Run with more than a URL.
func (b *Browser) RunWith(ctx context.Context, player, url, mediaType string, options Options) (Outcome, error) {
	page := options.Page
	if page == "" {
		page = b.Pages + "/page.html"
	}
	return b.order(ctx, map[string]any{"page": page, "player": player, "url": url, "type": mediaType, "options": options})
}

// Look is one at a player page.
type Look struct {
	URL string
	// Until are the states of the page to wait for.
	Until []string
	// Bare is a browser that plays nothing.
	Bare bool
	// Name is that of its pictures, which go to the directory Shots; empty for none.
	Name, Shots string
}

// Look opens a player page and tells what it shows. What axe finds there is in the
// outcome's detail.
func (b *Browser) Look(ctx context.Context, v Look) (Outcome, error) {
	return b.order(ctx, map[string]any{
		"url": v.URL, "until": v.Until, "bare": v.Bare, "name": v.Name, "shots": v.Shots,
	})
}

// Console goes through the console, whose pages are below base, as a user: it makes
// an organisation, a stream and a token, plays, and revokes. What was wrong is in
// the outcome's detail. With shots, screenshots of all pages go there.
func (b *Browser) Console(ctx context.Context, base, user, password, shots string) (Outcome, error) {
	return b.order(ctx, map[string]any{"story": "console", "base": base, "user": user, "password": password, "shots": shots})
}

func (b *Browser) order(ctx context.Context, order map[string]any) (Outcome, error) {
	answer := make(chan Outcome, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	order["id"] = id
	line, err := json.Marshal(order)
	if err != nil {
		return Outcome{}, err
	}
	b.writing.Lock()
	_, err = fmt.Fprintf(b.input, "%s\n", line)
	b.writing.Unlock()
	if err != nil {
		return Outcome{}, err
	}
	select {
	case o := <-answer:
		return o, nil
	case <-b.ended:
		return Outcome{}, fmt.Errorf("the browser ended\n%s", b.stderr.String())
	case <-ctx.Done():
		return Outcome{}, errors.Join(ctx.Err(), os.ErrDeadlineExceeded)
	}
}
