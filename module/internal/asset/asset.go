// Package asset serves the files that web pages need, such as scripts and styles,
// at URLs that hold the version of all of them: a page never runs with the script of
// another version, and browsers may keep each file for ever.
package asset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"time"
)

// File is a file that pages need.
type File struct {
	Name string
	Type string // its media type
}

// Set is the files of one kind of pages. It does not change.
type Set struct {
	version string
	files   map[string]file
}

type file struct {
	kind string
	text []byte
}

// New returns the set of some files in a folder, which is one embedded into the
// program: New panics if a file is not in it.
func New(folder fs.ReadFileFS, path string, files ...File) *Set {
	s := &Set{files: make(map[string]file, len(files))}
	sum := sha256.New()
	for _, f := range files {
		text, err := folder.ReadFile(path + "/" + f.Name)
		if err != nil {
			panic(err) // it is embedded
		}
		s.files[f.Name] = file{f.Type, text}
		sum.Write(text)
	}
	s.version = hex.EncodeToString(sum.Sum(nil)[:6])
	return s
}

// Version is that of all files together, for their URLs: 12 hexadecimal digits.
func (s *Set) Version() string { return s.version }

// Serve answers a request for a file of a version, with that Cache-Control. It
// reports whether the set has the file; if not, nothing has been written.
func (s *Set) Serve(w http.ResponseWriter, r *http.Request, version, name, cacheControl string) bool {
	f, known := s.files[name]
	if !known || version != s.version {
		return false
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", cacheControl)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.text))
	return true
}
