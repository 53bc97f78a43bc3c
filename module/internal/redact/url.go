package redact

import (
	"strings"

	"github.com/playgate/playgate/module/token/jwt"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// IsToken reports whether a text as a whole has the form of a token, be it a
// playback token or a session token. Only such texts are taken out of requests and
// URLs; whether the token is any good is another question.
func IsToken(text string) bool { return jwt.HasForm(text) || sessiontoken.HasForm(text) }

// Path is a raw path without its first segment "~TOKEN", wherever that stands. It is
// for URLs of which nobody knows what gate they belong to; a gate knows where in a
// path its tokens are, and how many (Rules.CutToken of package target).
func Path(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if text, marked := strings.CutPrefix(s, "~"); marked && IsToken(text) {
			return strings.Join(append(segments[:i:i], segments[i+1:]...), "/")
		}
	}
	return path
}

// Query is a raw query without the pairs whose values are tokens as they are
// written, whatever their names, and without empty pairs. It is for URLs like those
// of [Path]: a gate takes out its own names alone, also where the value is written
// with escapes, and leaves every other byte (Query.WithoutTokens of package
// target).
func Query(query string) string {
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if _, value, _ := strings.Cut(pair, "="); pair != "" && !IsToken(value) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}
