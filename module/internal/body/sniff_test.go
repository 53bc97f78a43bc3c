package body

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/manifest"
)

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

// What an answer begins as does not depend on whether it is in gzip, nor on its type where
// players do not ask for one.
func TestSniff(t *testing.T) {
	blanks := strings.Repeat(" \n", 5_000)
	for _, tt := range []struct {
		text, mime string
		byPath     bool
		want       manifest.Format
		err        error
	}{
		{"#EXTM3U\n", "text/plain", false, manifest.HLS, nil},
		{"\ufeff\ufeff \n#EXTM3U8\n", "video/mp2t", false, manifest.HLS, nil},
		{"<MPD/>", "text/plain", false, manifest.DASH, nil},
		{blanks + "<?xml version='1.0'?><!-- <x> --><d:MPD a='1' a='2'>", "text/plain", false, manifest.DASH, nil},
		{"<!DOCTYPE MPD [<!ENTITY a \">\">]><MPD>", "", false, manifest.DASH, nil},
		{"<Period>", "application/xml", false, manifest.DASH, nil},
		{"x<MPD>", "text/plain", false, manifest.DASH, nil},
		{"x<MPD>", "video/mp4", false, manifest.NoFormat, nil},
		{"\xff\xfe#\x00", "", false, manifest.DASH, nil},
		{"<!-- " + strings.Repeat("x", Head) + " --><MPD>", "text/plain", false, manifest.DASH, nil},
		{strings.Repeat(" ", Head), "application/json", false, manifest.NoFormat, ErrTooLarge},
		{"<html>", "text/html", false, manifest.NoFormat, nil},
		{"<html>", "text/html", true, manifest.DASH, nil},
		{blanks + `{"a":1}`, "text/plain", false, manifest.JSON, nil},
		{"WEBVTT\n", "text/plain", false, manifest.VTT, nil},
		{"WEB", "", false, manifest.NoFormat, nil},
		{"#EXTM3", "", false, manifest.NoFormat, nil},
		{"\x00\x00\x00\x18ftyp", "video/mp4", false, manifest.NoFormat, nil},
		{"", "", false, manifest.NoFormat, nil},
	} {
		for _, coding := range []string{"", "gzip"} {
			head, h := []byte(tt.text), http.Header{"Content-Type": {tt.mime}}
			if coding != "" {
				head, h["Content-Encoding"] = zipped(tt.text), []string{coding}
			}
			if f, sure, err := Sniff(head, h, tt.byPath, true); f != tt.want || !sure || !errors.Is(err, tt.err) {
				t.Errorf("%q %s: %d, sure %t, %v", tt.text[:min(len(tt.text), 40)], coding, f, sure, err)
			}
		}
	}
}

// Nothing is sure before enough has come, and media are not held back for it.
func TestSniffIsSureSoon(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "\n": false, "#": false, "#EXTM3": false, "#EXTM3U": true, "# a comment line": true, "W": false, "\xef\xbb": false, "<": false, "<?xml": false,
		"<html>": true, "{": true, "G@": true, "\x00": true, "a": true, "ID3": true, "data: 1": true,
	} {
		if _, sure, err := Sniff([]byte(text), http.Header{}, false, false); sure != want || err != nil {
			t.Errorf("%q: sure %t, %v", text, sure, err)
		}
	}
	part := zipped("#EXTM3U\n#EXTINF:2,\na.ts\n")
	for n := range 10 {
		if _, sure, err := Sniff(part[:n], http.Header{"Content-Encoding": {"gzip"}}, true, false); sure || err != nil {
			t.Errorf("%d bytes of gzip: sure %t, %v", n, sure, err)
		}
	}
}

// Codings that clients undo and the gate does not are told from those that nobody undoes.
func TestCodingOf(t *testing.T) {
	for coding, want := range map[string]Coding{
		"": Identity, "identity": Identity, "gzip": Gzip, "GZIP": Gzip, "aws-chunked": Identity, "abbreviated": Identity, "utf-8": Identity,
		"br": OtherCoding, "deflate": OtherCoding, "zstd": OtherCoding, "x-gzip": OtherCoding, "gzip, gzip": OtherCoding, "aws-chunked,br": OtherCoding, "gzip;q=1": OtherCoding,
	} {
		if got := CodingOf(http.Header{"Content-Encoding": {coding}}); got != want {
			t.Errorf("%q: %d instead of %d", coding, got, want)
		}
	}
	if CodingOf(http.Header{"Content-Encoding": {"gzip", "br"}}) != OtherCoding {
		t.Error("two lines are one list")
	}
}
