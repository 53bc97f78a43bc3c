package redact

import (
	"slices"
	"strings"

	"github.com/playgate/playgate/module/token/jwt"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// IsToken reports whether a text as a whole has the form of a token, be it a
// playback token or a session token. Only such texts are taken out of requests and
// URLs; whether the token is any good is another question.
func IsToken(text string) bool { return jwt.HasForm(text) || sessiontoken.HasForm(text) }

// Segment reads a segment of a raw path: it is the token that stands there, "~TOKEN",
// with the tilde as it is or as %7E; hidden means that it would be one to readers who
// decode it further. A session token is known by its length and version, a playback
// token by three parts of which the first begins with eyJ: ~john.q.doe is a name.
func Segment(segment string) (text string, hidden bool) {
	if text, marked := cutTilde(segment); marked && isPathToken(text) {
		return text, false
	}
	if strings.IndexByte(segment, '%') < 0 {
		return "", false
	}
	text, marked := strings.CutPrefix(unescapeAll(segment), "~")
	return "", marked && isPathToken(text)
}

func cutTilde(segment string) (rest string, marked bool) {
	if len(segment) >= 3 && strings.EqualFold(segment[:3], "%7E") {
		return segment[3:], true
	}
	return strings.CutPrefix(segment, "~")
}

func isPathToken(text string) bool {
	return strings.HasPrefix(text, "eyJ") && jwt.HasForm(text) || sessiontoken.HasForm(text)
}

// Path is a raw path without its segments "~TOKEN", wherever they stand. It is for URLs
// of which nobody knows what gate they belong to.
func Path(path string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool {
		text, _ := Segment(s)
		return text != ""
	}), "/")
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
