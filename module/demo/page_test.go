package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func testScene() Scene {
	return Scene{
		Stream:     "demo/testcard",
		PlainURL:   "http://127.0.0.1:8080/live/demo/testcard/index.m3u8",
		TokenURL:   "http://127.0.0.1:8080/live/demo/testcard/index.m3u8?token=a.b.c",
		ValidUntil: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		Cases:      Cases(CaseURLs{WrongStream: "/s?token=1", Expired: "/s?token=2", WrongIP: "/s?token=3", Copied: "/s?token=4"}),
		Mint: func(lifetime time.Duration) (string, string, time.Time, error) {
			return "/s?token=" + lifetime.String(), "", time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), nil
		},
	}
}

func TestPageFiles(t *testing.T) {
	page := Page(testScene())
	kinds := map[string]string{
		"/":           "text/html; charset=utf-8",
		"/style.css":  "text/css; charset=utf-8",
		"/demo.js":    "text/javascript; charset=utf-8",
		"/player.js":  "text/javascript; charset=utf-8",
		"/icon.svg":   "image/svg+xml",
		"/scene.json": "application/json",
	}
	for name, kind := range kinds {
		w := get(t, page, name)
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s answered %d with %d bytes", name, w.Code, w.Body.Len())
		}
		for field, want := range map[string]string{
			"Content-Type":            kind,
			"Content-Security-Policy": contentSecurityPolicy,
			"Referrer-Policy":         "strict-origin",
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "no-store",
		} {
			if got := w.Header().Get(field); got != want {
				t.Errorf("%s: %s is %q, not %q", name, field, got, want)
			}
		}
	}
	for _, name := range []string{"/clip.ts", "/index.html", "/short", "/style.css/"} {
		if w := get(t, page, name); w.Code != http.StatusNotFound {
			t.Errorf("%s answered %d", name, w.Code)
		}
	}
}

// The policy forbids what stands in the page itself, and what comes from elsewhere.
func TestPageKeepsItsPolicy(t *testing.T) {
	if strings.Contains(contentSecurityPolicy, "unsafe") {
		t.Error("the policy is not strict")
	}
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:\s+[a-z]+(?:="[^"]*")?)*>[^<]|javascript:`)
	foreign := regexp.MustCompile(`(?:src|href|url|import|from)\s*[=(]?\s*["'(]?(?:https?:)?//`)
	err := fs.WalkDir(pageFiles, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".html") && inline.Match(content) {
			t.Errorf("%s has inline style or script: %q", name, inline.Find(content))
		}
		if foreign.Match(content) {
			t.Errorf("%s asks another host: %q", name, foreign.Find(content))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScene(t *testing.T) {
	var scene struct {
		Scene
		Now time.Time `json:"now"`
	}
	text := body(t, Page(testScene()), "/scene.json")
	if err := json.Unmarshal([]byte(text), &scene); err != nil {
		t.Fatal(err)
	}
	want := testScene()
	if scene.Stream != want.Stream || scene.PlainURL != want.PlainURL || scene.TokenURL != want.TokenURL || !scene.ValidUntil.Equal(want.ValidUntil) {
		t.Errorf("the scene is %+v", scene)
	}
	if scene.TokenCurl != "curl -i '"+want.TokenURL+"'" || scene.PlainCurl != "curl -i '"+want.PlainURL+"'" {
		t.Errorf("the command lines are %q and %q", scene.PlainCurl, scene.TokenCurl)
	}
	if time.Since(scene.Now).Abs() > time.Minute {
		t.Errorf("the clock says %v", scene.Now)
	}

	expected := map[string]string{"wrong-stream": "wrong_stream", "expired": "expired", "wrong-ip": "wrong_ip", "copied": "wrong_referer", "short": ""}
	if len(scene.Cases) != len(expected) {
		t.Fatalf("there are %d cases", len(scene.Cases))
	}
	for _, c := range scene.Cases {
		reason, ok := expected[c.Name]
		if !ok || c.Reason != reason {
			t.Errorf("%q expects %q", c.Name, c.Reason)
		}
		if (c.FreshSeconds == 0) != (c.URL != "" && c.Curl != "") {
			t.Errorf("%q has neither or both of an address and a lifetime", c.Name)
		}
	}
	if !strings.Contains(text, `curl -i -H 'Referer: https://copycat.example/' '/s?token=4'`) {
		t.Errorf("the copied stream's command line is missing in %s", text)
	}
}

// Every reason that the gate can give has its words.
func TestWords(t *testing.T) {
	script := body(t, Page(testScene()), "/demo.js")
	for reason := range strings.FieldsSeq(`bad_request ambiguous_token missing_token malformed_token unknown_key bad_signature expired
		not_yet_valid lifetime issuer revoked wrong_org wrong_stream wrong_ip wrong_referer forbidden no_stream method too_early
		too_many_sessions rate_limited internal keys_unavailable store_unavailable`) {
		if !strings.Contains(script, "\t"+reason+": (") {
			t.Errorf("there are no words for %s", reason)
		}
	}
}

func TestButtons(t *testing.T) {
	broken := testScene()
	broken.Mint = func(time.Duration) (string, string, time.Time, error) {
		return "", "", time.Time{}, errors.New("no key")
	}
	without := testScene()
	without.Mint = nil
	revocable := testScene()
	revocable.Revoke = func(_ context.Context, back bool) error {
		if back {
			return errors.New("no store")
		}
		return nil
	}

	for _, test := range []struct {
		name, method, target, site string
		scene                      Scene
		status                     int
	}{
		{"the page", http.MethodPost, "/short-token?case=short", "same-origin", testScene(), http.StatusOK},
		{"another site", http.MethodPost, "/short-token?case=short", "cross-site", testScene(), http.StatusForbidden},
		{"another host of the site", http.MethodPost, "/short-token?case=short", "same-site", testScene(), http.StatusForbidden},
		{"the address bar", http.MethodPost, "/short-token?case=short", "none", testScene(), http.StatusForbidden},
		{"no browser", http.MethodPost, "/short-token?case=short", "", testScene(), http.StatusForbidden},
		{"a link", http.MethodGet, "/short-token?case=short", "same-origin", testScene(), http.StatusMethodNotAllowed},
		{"no case", http.MethodPost, "/short-token", "same-origin", testScene(), http.StatusNotFound},
		{"a case with an address", http.MethodPost, "/short-token?case=expired", "same-origin", testScene(), http.StatusNotFound},
		{"no callback", http.MethodPost, "/short-token?case=short", "same-origin", without, http.StatusNotFound},
		{"revoke: another site", http.MethodPost, "/revoke", "cross-site", revocable, http.StatusForbidden},
		{"revoke: no browser", http.MethodPost, "/revoke", "", revocable, http.StatusForbidden},
		{"revoke: a link", http.MethodGet, "/revoke", "same-origin", revocable, http.StatusMethodNotAllowed},
		{"revoke: the page", http.MethodPost, "/revoke", "same-origin", revocable, http.StatusOK},
		{"revoke: nothing to revoke with", http.MethodPost, "/revoke", "same-origin", testScene(), http.StatusNotFound},
		{"unrevoke: another site", http.MethodPost, "/unrevoke", "cross-site", revocable, http.StatusForbidden},
		{"unrevoke: an error", http.MethodPost, "/unrevoke", "same-origin", revocable, http.StatusInternalServerError},
		{"an error", http.MethodPost, "/short-token?case=short", "same-origin", broken, http.StatusInternalServerError},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.target, nil)
			if test.site != "" {
				r.Header.Set("Sec-Fetch-Site", test.site)
			}
			w := httptest.NewRecorder()
			Page(test.scene).ServeHTTP(w, r)
			if w.Code != test.status {
				t.Fatalf("answered %d: %s", w.Code, w.Body)
			}
			if w.Code != http.StatusOK {
				if strings.Contains(w.Body.String(), "token=") {
					t.Errorf("a refusal holds a token: %s", w.Body)
				}
				return
			}
			if test.target == "/revoke" {
				return // the gate's own tests say what follows
			}
			var fresh struct {
				URL, Curl    string
				Expires, Now time.Time
			}
			if err := json.Unmarshal(w.Body.Bytes(), &fresh); err != nil {
				t.Fatal(err)
			}
			if fresh.URL != "/s?token=20s" || fresh.Curl != "curl -i '/s?token=20s'" || fresh.Expires.IsZero() || fresh.Now.IsZero() {
				t.Errorf("got %+v", fresh)
			}
		})
	}
}

func TestCurl(t *testing.T) {
	if got, want := Curl("http://x/it's?a=1&b=2", "Referer: https://y/"), `curl -i -H 'Referer: https://y/' 'http://x/it'\''s?a=1&b=2'`; got != want {
		t.Errorf("got %s, not %s", got, want)
	}
}
