package token

import (
	"strings"
	"testing"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func TestNamesHaveTheirAlphabets(t *testing.T) {
	kinds := []struct {
		name  string
		valid func(string) bool
		more  string // besides letters and digits
		most  int
	}{
		{"organisation", ValidOrg, "_", 64},
		{"stream", ValidStream, "._-", 128},
		{"token id", ValidID, "._:-", 128},
		{"key id", ValidKeyID, "._-", 64},
	}
	for _, k := range kinds {
		for b := range 256 {
			c := string([]byte{byte(b)})
			if got, want := k.valid("a"+c), strings.Contains(alphabet+k.more, c); got != want {
				t.Errorf("%s with byte %#02x: %v", k.name, b, got)
			}
		}
		for s, want := range map[string]bool{
			"": false, "a": true, "é": false, "ａ": false, strings.Repeat("a", k.most): true, strings.Repeat("a", k.most+1): false,
		} {
			if k.valid(s) != want {
				t.Errorf("%s %q: %v", k.name, s, !want)
			}
		}
	}
	for _, s := range []string{".", ".."} {
		if ValidStream(s) {
			t.Errorf("stream %q", s)
		}
	}
	if !ValidStream("...") || !ValidStream("..a") {
		t.Error("dots inside names")
	}
}

func TestTextsHaveNoControlCharacters(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "front door": true, "Zoë 😀": true, strings.Repeat("é", 128): true,
		strings.Repeat("é", 129): false, strings.Repeat("a", 129): false, "a\nb": false, "a\rb": false, "a\tb": false, "\x00": false, "\x1b[31m": false, "\x7f": false, "\u0085": false, "\xff": false,
	} {
		if ValidText(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
