package demo

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// Everything comes from the page's own origin; blob: is how a MediaSource reaches the video element.
const contentSecurityPolicy = "default-src 'self'; media-src blob: 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Scene is what the page shows. The page and the stream must be served from one origin: the page asks its own host for the
// path and query of each URL, however the host is spelt in it. The curl lines are shown as they are.
type Scene struct {
	Stream     string    `json:"stream"`      // name of the stream
	PlainURL   string    `json:"plain_url"`   // the stream without a token
	PlainCurl  string    `json:"plain_curl"`  // Default: Curl(PlainURL)
	TokenURL   string    `json:"token_url"`   // the stream with a valid token
	TokenCurl  string    `json:"token_curl"`  // Default: Curl(TokenURL)
	ValidUntil time.Time `json:"valid_until"` // when the token of TokenURL expires
	Cases      []Case    `json:"cases"`

	// Revoke revokes the token of TokenURL, or takes that back. Without it the page's button answers 404.
	Revoke func(ctx context.Context, back bool) error `json:"-"`

	// Mint makes a token of this lifetime for a case with FreshSeconds. Without it such a case answers 404.
	Mint func(lifetime time.Duration) (url, curl string, expires time.Time, err error) `json:"-"`
}

// Case is one button of the page.
type Case struct {
	Name    string `json:"name"`    // short, of [a-z-]
	Title   string `json:"title"`   // on the button
	Explain string `json:"explain"` // one sentence: what is tried
	URL     string `json:"url"`     // empty with FreshSeconds
	Curl    string `json:"curl"`    // Default: Curl(URL)

	// What the gate is expected to answer: 200 and no reason, or a refusal and its reason.
	Status int    `json:"status"`
	Reason string `json:"reason"`

	// FreshSeconds asks for a new token of this lifetime when the button is pressed. The page plays it until it expires.
	FreshSeconds int `json:"fresh_seconds,omitempty"`
}

// CaseURLs are stream URLs whose tokens fail for one reason each.
type CaseURLs struct {
	WrongStream string // names another stream
	Expired     string
	WrongIP     string // bound to an address that is not the viewer's
	Copied      string // bound to a site that is neither the page's nor copycat.example
}

// Cases are the demo's five buttons, in the page's own words.
func Cases(u CaseURLs) []Case {
	return []Case{
		{
			Name: "wrong-stream", Title: "Wrong stream", URL: u.WrongStream, Curl: Curl(u.WrongStream),
			Explain: "A valid token, but for another stream.",
			Status:  http.StatusForbidden, Reason: "wrong_stream",
		},
		{
			Name: "expired", Title: "Expired", URL: u.Expired, Curl: Curl(u.Expired),
			Explain: "Yesterday’s link: the signature still holds, the time is over.",
			Status:  http.StatusUnauthorized, Reason: "expired",
		},
		{
			Name: "wrong-ip", Title: "Wrong IP", URL: u.WrongIP, Curl: Curl(u.WrongIP),
			Explain: "A token bound to another viewer’s address.",
			Status:  http.StatusForbidden, Reason: "wrong_ip",
		},
		{
			Name: "copied", Title: "Copied onto another site", URL: u.Copied, Curl: Curl(u.Copied, "Referer: https://copycat.example/"),
			Explain: "A token bound to the page of one site, embedded in another.",
			Status:  http.StatusForbidden, Reason: "wrong_referer",
		},
		{
			Name: "short", Title: "20-second token",
			Explain: "A fresh token that lasts 20 seconds. It plays above, and then it does not.",
			Status:  http.StatusOK, FreshSeconds: 20,
		},
	}
}

// Curl is the command line that asks for a URL as a player would, with these header fields.
func Curl(url string, fields ...string) string {
	var b strings.Builder
	b.WriteString("curl -i")
	for _, field := range fields {
		b.WriteString(" -H " + quote(field))
	}
	b.WriteString(" " + quote(url))
	return b.String()
}

// quote makes one word for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Page serves the demo's page at / and what it needs beside it: style, scripts, scene.json, and POST short-token,
// revoke and unrevoke.
// Mount it under a prefix with http.StripPrefix.
func Page(scene Scene) http.Handler {
	scene = withDefaults(scene)
	mux := http.NewServeMux()

	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux.Handle("GET /{$}", serveFile(files, "index.html"))
	for _, name := range []string{"style.css", "demo.js", "player.js", "icon.svg"} {
		mux.Handle("GET /"+name, serveFile(files, name))
	}

	mux.HandleFunc("GET /scene.json", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, struct {
			Scene
			Now time.Time `json:"now"`
		}{scene, time.Now()})
	})
	mux.HandleFunc("POST /short-token", shortToken(scene))
	mux.HandleFunc("POST /revoke", revokeToken(scene, false))
	mux.HandleFunc("POST /unrevoke", revokeToken(scene, true))

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		// The gate compares the page's origin with a token's referer rule, so the origin must be sent; the rest need not.
		h.Set("Referrer-Policy", "strict-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store") // the next run has another key
		mux.ServeHTTP(w, r)
	})
}

func withDefaults(scene Scene) Scene {
	if scene.PlainCurl == "" {
		scene.PlainCurl = Curl(scene.PlainURL)
	}
	if scene.TokenCurl == "" {
		scene.TokenCurl = Curl(scene.TokenURL)
	}
	cases := make([]Case, len(scene.Cases))
	for i, c := range scene.Cases {
		if c.Curl == "" && c.URL != "" {
			c.Curl = Curl(c.URL)
		}
		cases[i] = c
	}
	scene.Cases = cases
	return scene
}

func serveFile(files fs.FS, name string) http.Handler {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err) // the file is embedded
	}
	kind := map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".svg":  "image/svg+xml",
	}[path.Ext(name)]

	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	})
}

// shortToken mints a token for a case that wants a fresh one. Only the page itself may ask.
func shortToken(scene Scene) http.HandlerFunc {
	lifetimes := map[string]time.Duration{}
	for _, c := range scene.Cases {
		if c.FreshSeconds > 0 {
			lifetimes[c.Name] = time.Duration(c.FreshSeconds) * time.Second
		}
	}

	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-Fetch-Site") != "same-origin" {
			writeJSON(w, http.StatusForbidden, map[string]string{"error": "only the demo page itself may ask for a token"})
			return
		}
		lifetime, ok := lifetimes[r.URL.Query().Get("case")]
		if !ok || scene.Mint == nil {
			writeJSON(w, http.StatusNotFound, map[string]string{"error": "there is no such case"})
			return
		}

		url, curl, expires, err := scene.Mint(lifetime)
		if err != nil {
			writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "the token could not be made: " + err.Error()})
			return
		}
		if curl == "" {
			curl = Curl(url)
		}
		writeJSON(w, http.StatusOK, struct {
			URL     string    `json:"url"`
			Curl    string    `json:"curl"`
			Expires time.Time `json:"expires"`
			Now     time.Time `json:"now"` // the page counts down by this clock
		}{url, curl, expires, time.Now()})
	}
}

// revokeToken revokes the token that plays, or takes that back. Only the page itself may ask.
func revokeToken(scene Scene, back bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Sec-Fetch-Site") != "same-origin":
			writeJSON(w, http.StatusForbidden, map[string]string{"error": "only the demo page itself may ask for this"})
		case scene.Revoke == nil:
			writeJSON(w, http.StatusNotFound, map[string]string{"error": "nothing can be revoked here"})
		default:
			if err := scene.Revoke(r.Context(), back); err != nil {
				writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
				return
			}
			writeJSON(w, http.StatusOK, map[string]bool{"revoked": !back})
		}
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
