package directive

import (
	"fmt"
	"strings"
)

// CheckPrefix accepts the path below which a directive answers. It refuses
// matchers, and what could be read in two ways.
func CheckPrefix(directive, prefix string) error {
	good := strings.HasPrefix(prefix, "/") && len(prefix) > 1 && !strings.HasSuffix(prefix, "/") && !strings.Contains(prefix, "//")
	for _, c := range []byte(prefix) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		good = good && (letter || c == '-' || c == '_' || c == '/')
	}
	if !good {
		return fmt.Errorf("the prefix of %s is a path of letters, digits, - and _ such as /play, without * and without / at its end; it is no matcher", directive)
	}
	return nil
}
