package directive

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Prefix reads a directive and the one value that may stand behind it: the path
// below which its handler answers. Without a value prefix stays as it is.
func Prefix(d *caddyfile.Dispenser, directive string, prefix *string) error {
	d.Next()
	if d.NextArg() {
		*prefix = d.Val()
		if err := CheckPrefix(directive, *prefix); err != nil {
			return d.Err(err.Error())
		}
	}
	if d.NextArg() {
		return d.Errf("%s takes one prefix, and %q is a second value", directive, d.Val())
	}
	return nil
}

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
