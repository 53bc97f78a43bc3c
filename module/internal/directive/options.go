package directive

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// The helpers here read one option of a Caddyfile block each. All of them
// refuse too few and too many words, with a text that says what to change.

// Once remembers which options of a block have been seen.
type Once map[string]bool

// Check refuses a second mention of the current option, unless it is one of
// the repeatable ones.
func (o Once) Check(d *caddyfile.Dispenser, repeatable ...string) error {
	option := d.Val()
	if o[option] && !slices.Contains(repeatable, option) {
		return d.Errf("%s stands twice in this block; write it once", option)
	}
	o[option] = true
	return nil
}

// OneArg reads exactly one word.
func OneArg(d *caddyfile.Dispenser, to *string) error {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("%s takes exactly one value, not %d", option, len(args))
	}
	if args[0] == "" {
		return d.Errf("%s has an empty value; leave the line out instead", option)
	}
	*to = args[0]
	return nil
}

// SomeArgs reads at least one word.
func SomeArgs(d *caddyfile.Dispenser) ([]string, error) {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return nil, d.Errf("%s needs at least one value", option)
	}
	for i, a := range args {
		if a == "" {
			return nil, d.Errf("%s has an empty value", option)
		}
		if slices.Contains(args[:i], a) {
			return nil, d.Errf("%s names %s twice", option, a)
		}
	}
	return args, nil
}

// OneOf reads exactly one of the given words.
func OneOf(d *caddyfile.Dispenser, words ...string) (string, error) {
	option := d.Val()
	var word string
	if err := OneArg(d, &word); err != nil {
		return "", err
	}
	if !slices.Contains(words, word) {
		return "", d.Errf("%s %s: this version knows %s", option, word, strings.Join(words, ", "))
	}
	return word, nil
}

// OnOff reads on or off.
func OnOff(d *caddyfile.Dispenser) (*bool, error) {
	word, err := OneOf(d, "on", "off")
	if err != nil {
		return nil, err
	}
	on := word == "on"
	return &on, nil
}

// Nothing reads a directive that takes neither values nor a block. The error has the
// text, which says what the directive does by itself.
func Nothing(d *caddyfile.Dispenser, text string) error {
	d.Next()
	if d.Next() {
		return d.Err(text)
	}
	return nil
}
