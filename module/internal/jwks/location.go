package jwks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// Location is where a key set is published: a URL or a file.
type Location struct {
	url  *url.URL // nil for a file
	path string
}

// ParseLocation reads a URL or the path of a file. A URL is https; http is for
// loopback hosts only, because whoever can change the answer on its way can
// make tokens. No error shows user information or a query.
func ParseLocation(text string) (Location, error) {
	lower := strings.ToLower(text)
	if !strings.Contains(text, "://") && !strings.HasPrefix(lower, "https:") && !strings.HasPrefix(lower, "http:") {
		path, err := filepath.Abs(text)
		if text == "" || err != nil {
			return Location{}, errors.New("write an https URL or the path of a file")
		}
		return Location{path: path}, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return Location{}, errors.New("this is no URL that can be read; write https://host/path")
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
	case u.Scheme == "http":
		return Location{}, errors.New("keys that come over http can be exchanged on their way; write https (http is for loopback hosts only)")
	default:
		return Location{}, errors.New("a key set comes from an https URL or from a file; write one of them")
	}
	if u.Fragment != "" || strings.HasSuffix(text, "#") {
		return Location{}, errors.New("a fragment is never sent; remove it from the URL")
	}
	return Location{url: u}, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// File reports whether the set is read from a file.
func (l Location) File() bool { return l.url == nil }

// ID is the same for the same location and for no other. It tells nothing of
// what the URL may hold for the other side's eyes only.
func (l Location) ID() string {
	text := "file " + l.path
	if l.url != nil {
		text = "url " + l.url.String()
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// String names the location for people: a URL without user information and
// query, which may be secret.
func (l Location) String() string {
	if l.url == nil {
		return l.path
	}
	return (&url.URL{Scheme: l.url.Scheme, Host: l.url.Host, Path: l.url.Path}).String()
}
