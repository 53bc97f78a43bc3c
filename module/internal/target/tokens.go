package target

import "strings"

// TokenSegment is a token that stands in a path as a segment of its own.
type TokenSegment struct {
	Text string
	// Before is how many other segments stand before it.
	Before int
}

// CutTokens takes tokens out of a raw path: segments that are a token, anywhere below
// the literal start of a rule. It returns the path without them, and the tokens. read
// gives the token that a raw segment is, or "", and whether it would be one to readers
// who decode it further.
//
// Where else a segment is a token, or would be one, the path is refused: at its end,
// since what is asked for is missing there, and above the start of every rule.
func (rs *Rules) CutTokens(path string, read func(segment string) (token string, hidden bool)) (rest string, tokens []TokenSegment, err error) {
	if strings.IndexByte(path, '~') < 0 && strings.IndexByte(path, '%') < 0 {
		return path, nil, nil
	}
	start := rs.startOf(escapeText(path)) // as prefixes are
	var kept strings.Builder
	for number, left := 0, path; left != ""; number++ {
		end := 1 + strings.IndexByte(left[1:], '/')
		last := end == 0
		if last {
			end = len(left)
		}
		segment := left[:end]
		token, hidden := read(strings.TrimPrefix(segment, "/"))
		switch {
		case hidden:
			return "", nil, badRequest("the path has a token that is written with escapes")
		case token == "":
			kept.WriteString(segment)
		case last:
			return "", nil, badRequest("the path ends with a token; what is asked for goes behind it")
		case number < start:
			return "", nil, badRequest("the path has a token where no rule of this gate may have one")
		default:
			tokens = append(tokens, TokenSegment{token, number - len(tokens)})
		}
		left = left[end:]
	}
	return kept.String(), tokens, nil
}

// startOf is how many segments of a path stand above the literal start of every rule
// whose start the path has; more than there are where there is none.
func (rs *Rules) startOf(path string) int {
	start := len(path)
	for _, r := range rs.Rules {
		if below, ok := strings.CutPrefix(path, r.Prefix()); ok && strings.HasPrefix(below, "/") {
			start = min(start, strings.Count(r.Prefix(), "/"))
		}
	}
	return start
}
