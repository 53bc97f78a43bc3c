package redact

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzText plants a token between two texts. It must not survive, however it
// is written; a second run brings nothing back; and what holds nothing that is
// suspicious must come back as it is. A second run may take out more: the mark
// itself can complete what looks like a session token.
func FuzzText(f *testing.F) {
	f.Fuzz(func(t *testing.T, before, after string, form uint8) {
		in := before + after
		out := Text([]byte(in))
		if again := Text(bytes.Clone(out)); len(again) > len(out) || bytes.Count(again, []byte(Mark)) == 0 && !bytes.Equal(again, out) {
			t.Errorf("second run:\n got %q\nfrom %q\nfrom %q", again, out, in)
		}
		if !strings.ContainsAny(in, "%=e") && sessionAt(in) < 0 && apiKeyAt(in) < 0 && string(out) != in {
			t.Errorf("%q has become %q", in, out)
		}
		planted := planted
		if form >= 128 {
			planted = plantedSession
		}
		token := planted
		switch form % 4 {
		case 1:
			token = escapeAll(planted)
		case 2:
			token = escapeSome(planted, 2+int(form)/4)
		case 3:
			token = escapeQuery(escapeSome(planted, 1+int(form)/4))
		}
		if form%4 != 0 {
			// Escapes in front would be read together with the token's.
			before = strings.TrimRight(before, "%0123456789abcdefABCDEF")
		}
		out = Text([]byte(before + token + after))
		claims, signature := planted[40:80], planted[len(planted)-40:]
		if s := string(out); strings.Contains(s, token) || strings.Contains(s, claims) || strings.Contains(s, signature) {
			t.Errorf("the token is still there:\n got %q\nfrom %q", out, before+token+after)
		}
		if again := Text(bytes.Clone(out)); len(again) > len(out) || bytes.Count(again, []byte(Mark)) == 0 && !bytes.Equal(again, out) {
			t.Errorf("second run:\n got %q\nfrom %q\nfrom %q", again, out, before+token+after)
		}
	})
}
