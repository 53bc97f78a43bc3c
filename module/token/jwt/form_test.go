package jwt

import (
	"errors"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

func TestHasForm(t *testing.T) {
	for text, want := range map[string]bool{
		"a.b.c": true, "a.b.": true, "A-_9.b.c": true, "eyJhbGciOiJub25lIn0.e30.": true,
		"": false, ".": false, "..": false, "a": false, "a.b": false, ".b.c": false, "a..c": false, "a.b.c.": false, "a.b.c.d": false, "a.b.c.d.e": false,
		"a.b.c=": false, "a.b.c ": false, " a.b.c": false, "a.b.c\n": false, "a.b\r.c": false, "a+.b.c": false, "a/.b.c": false, "a%2eb.c.d": false,
		"a.b.ç": false, "a.b.\x00": false, "a~.b.c": false,
	} {
		if got := HasForm(text); got != want {
			t.Errorf("HasForm(%q) = %v", text, got)
		}
	}
}

func TestReadKnowsOneSpellingOfBase64(t *testing.T) {
	// Lengths that leave two and four bits over, so that these can be set.
	header := encode(goodHeader + " ")
	if n := len(header) % 4; n == 0 {
		header = encode(goodHeader + "  ")
	}
	claims := encode(goodClaims)
	for len(claims)%4 == 0 {
		claims = encode(goodClaims + " ")
	}
	ring := mustRing(t, edKey)
	good := forgeParts(t, header, claims, edKey)
	if _, err := Read(good, ring); err != nil {
		t.Fatal(err)
	}
	end := strings.LastIndexByte(good, '.')
	signature := good[end+1:]
	middle := len(claims) / 2
	tests := map[string]string{
		// Signed as they stand: a lenient decoder would take them all.
		"trailing bits in the header":       forgeParts(t, nextChar(header), claims, edKey),
		"trailing bits in the claims":       forgeParts(t, header, nextChar(claims), edKey),
		"trailing bits in the signature":    good[:end+1] + nextChar(signature),
		"line feed in the header":           forgeParts(t, header[:4]+"\n"+header[4:], claims, edKey),
		"line feed in the claims":           forgeParts(t, header, claims[:middle]+"\n"+claims[middle:], edKey),
		"carriage return in the claims":     forgeParts(t, header, claims[:middle]+"\r"+claims[middle:], edKey),
		"line break behind the claims":      forgeParts(t, header, claims+"\r\n", edKey),
		"line feed before the header":       forgeParts(t, "\n"+header, claims, edKey),
		"line feed in the signature":        good[:end+9] + "\n" + good[end+9:],
		"line feed behind the signature":    good + "\n",
		"carriage return before signature":  good[:end+1] + "\r" + signature,
		"padded header":                     forgeParts(t, header+strings.Repeat("=", 4-len(header)%4), claims, edKey),
		"padded claims":                     forgeParts(t, header, claims+strings.Repeat("=", 4-len(claims)%4), edKey),
		"padded signature":                  good + "==",
		"a character too many in the parts": forgeParts(t, header+"A", claims+"A", edKey),
		"a dot more":                        good + ".",
		"a part more":                       good + ".AA",
		"a part less":                       good[:end],
		"an encrypted token":                "eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA",
		"many dots":                         strings.Repeat(".", 4000),
		"a blank before it":                 " " + good,
		"a scheme before it":                "Bearer " + good,
		"JSON serialisation":                `{"protected":"` + header + `","payload":"` + claims + `","signature":"` + signature + `"}`,
	}
	for name, text := range tests {
		if _, err := Read(text, ring); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: got %v, want malformed_token", name, err)
		}
	}
	// The other alphabet has + and / where this one has - and _.
	odd := forge(t, goodHeader, with("x", `"~~~???>>>"`), edKey)
	if !strings.ContainsAny(odd, "-_") {
		t.Fatal("nothing to replace")
	}
	if _, err := Read(strings.NewReplacer("-", "+", "_", "/").Replace(odd), ring); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("standard alphabet: got %v, want malformed_token", err)
	}
}

// nextChar replaces the last character of base64url by the next one, which
// differs in the bits that a lenient decoder drops.
func nextChar(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + alphabet[last+1:last+2]
}

func TestReadTakes4096BytesAndNotOneMore(t *testing.T) {
	ring := mustRing(t, edKey)
	sized := func(size int) string {
		for n := size/2 + size/4 - 300; n < size; n++ {
			for blanks := range 3 {
				text := forge(t, goodHeader+strings.Repeat(" ", blanks), with("x", quoted(strings.Repeat("x", n))), edKey)
				if len(text) == size {
					return text
				}
			}
		}
		t.Fatalf("no token of %d bytes", size)
		return ""
	}
	if _, err := Read(sized(4096), ring); err != nil {
		t.Error(err)
	}
	if _, err := Read(sized(4097), ring); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("4097 bytes: got %v, want malformed_token", err)
	}
	if _, err := Read(strings.Repeat("a", 1<<20)+".b.c", ring); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("a megabyte: got %v, want malformed_token", err)
	}
}
