package gate

import (
	"strings"
	"testing"
)

// What JSON says and no Caddyfile can is checked as well, and every text says
// what to change.
func TestGatesThatCannotBeLoaded(t *testing.T) {
	for lines, says := range map[string][]string{
		"keys other":                  {"keys", `"other"`},
		"default_org a-b":             {"default_org", "letters, digits and underscore"},
		"site https://live.test/path": {"site", "/path", "remove"},
		"site live.test":              {"site", "https://"},
		"cors page.test":              {"cors", "https://"},
		"cors * https://page.test":    {"cors"},
		"cors https://*.page.test":    {"cors", "wildcards"},
		"open assets/*":               {"open", "slash"},
		"open /x/{org}":               {"open", "{org}", "captures"},
		"open /a//b":                  {"open", "/a//b"},
		"tokens {\nquery off\npath off\nheader off\ncookie off\n}": {"tokens", "off"},
		"tokens {\nquery a,b\n}":                                   {"tokens query", "a,b"},
		"tokens {\nquery token off\n}":                             {"off", "alone"},
		"tokens {\nquery _HLS_msn\n}":                              {"_HLS_"},
		"tokens {\nquery off\n}":                                   {"propagate", "query name"},
		"propagate session":                                        {"session_key"},
		"propagate cookie":                                         {"cors", "https://"},
		"propagate cookie\ncors *":                                 {"cors", "https://"},
		"propagate cookie\ncors https://page.test\ntokens {\ncookie off\n}": {"cookie off"},
		"propagate path\ntokens {\npath off\n}":                             {"path off"},
		"referer_missing first":                                             {"propagate session"},
		"stream /live/{stream}/*":                                           {"default_org", "{org}"},
		"stream /live/{org}/*":                                              {"{stream}", "{id}"},
		"stream /h5/* {\nquery token {org}-{id}\n}":                         {"token", "tokens { query"},
		"stream /h5/* {\nquery s {org}-{id}\npin jwtoken x\n}":              {"jwtoken", "tokens { query"},
		"stream /h5/* {\nquery s {org}-{id}\npin s x\n}":                    {"pin s", "cannot be pinned"},
		"stream /h5/* {\nquery s {org}-{id}\npin a x\npin a y\n}":           {"pin a", "twice"},
		"stream /live/{org}/{stream}/* {\nmanifest list\n}":                 {"manifest", "slash"},
	} {
		if _, err := tryGate(t, lines); err == nil {
			t.Errorf("loaded: %s", lines)
		} else {
			for _, part := range says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: the text does not say %q: %v", lines, part, err)
				}
			}
		}
	}
}
