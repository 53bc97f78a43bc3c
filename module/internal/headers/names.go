package headers

import "strings"

// Union is a list of field names, as Access-Control-Expose-Headers has it: those of
// own, which are joined by ", ", and after them the names in lines that are not among
// them, each once, in any case. What is no field name is left out.
func Union(own string, lines []string) string {
	var all []byte
	var added map[string]bool // in lower case
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if !fieldName(name) || lists(own, name) {
				continue // mostly all of them: then nothing is allocated
			}
			lower := strings.ToLower(name)
			if added[lower] {
				continue
			}
			if added == nil {
				added, all = make(map[string]bool), append(all, own...)
			}
			added[lower] = true
			all = append(append(all, ", "...), name...)
		}
	}
	if added == nil {
		return own
	}
	return string(all)
}

func lists(own, name string) bool {
	for known := range strings.SplitSeq(own, ", ") {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// fieldName reports whether a text is a token (RFC 9110, section 5.6.2).
func fieldName(s string) bool {
	for i := range len(s) {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return s != ""
}

var tokenByte = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~" {
		set[c] = true
	}
	return set
}()
