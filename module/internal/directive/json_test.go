package directive

import (
	"strings"
	"testing"
)

type config struct {
	Name  string            `json:"name,omitempty"`
	On    *bool             `json:"on,omitempty"`
	List  []string          `json:"list,omitempty"`
	Inner []*inner          `json:"inner,omitempty"`
	ByOrg map[string]*inner `json:"by_org,omitempty"`
}

type inner struct {
	Value string   `json:"value"`
	Orgs  []string `json:"orgs,omitempty"`
}

func (c *config) UnmarshalJSON(data []byte) error {
	type plain config
	return UnmarshalJSON(data, (*plain)(c), "value")
}

func TestUnmarshalJSONTakesNothingEmptyForAll(t *testing.T) {
	for text, says := range map[string]string{
		`{}`:                          "",
		`{"name":"x","list":["a"]}`:   "",
		`{"on":false,"inner":[{}]}`:   "",
		`{"inner":[{"value":""}]}`:    "",
		`{"by_org":{}}`:               "",
		`{"by_org":{"acme":{}}}`:      "",
		`{"name":""}`:                 "name: an empty text",
		`{"name":null}`:               "name: null",
		`{"on":null}`:                 "on: null",
		`{"list":null}`:               "list: null",
		`{"list":[]}`:                 "list: an empty list does not mean all",
		`{"list":[ ]}`:                "list: an empty list",
		`{"list":[""]}`:               "list/0: an empty text",
		`{"list":["a",null]}`:         "list/1: null",
		`{"inner":[]}`:                "inner: an empty list",
		`{"inner":[null]}`:            "inner/0: null",
		`{"inner":[{},{"orgs":[]}]}`:  "inner/1/orgs: an empty list",
		`{"inner":[{"value":null}]}`:  "inner/0/value: null",
		`{"inner":[{"value":[]}]}`:    "inner/0/value: an empty list",
		`{"by_org":{"acme":null}}`:    "by_org/acme: null",
		`{"by_org":{"":{"orgs":[]}}}`: "orgs: an empty list",
		`{"by_org":null}`:             "by_org: null",
		`{"NAME":""}`:                 "NAME: an empty text",
		`{"colour":"blue"}`:           `unknown field "colour"`,
		`{"inner":[{"colour":1}]}`:    `unknown field "colour"`,
		`{"list":["a"],"list":["b"]}`: "duplicate",
		`{"name":7}`:                  "name",
	} {
		err := new(config).UnmarshalJSON([]byte(text))
		if (says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, not %q", text, err, says)
		}
	}
	var c config
	if err := c.UnmarshalJSON([]byte(`{"name":"x","list":["a","b"],"inner":[{"value":"","orgs":["c"]}]}`)); err != nil || c.Name != "x" || len(c.List) != 2 || c.Inner[0].Orgs[0] != "c" {
		t.Errorf("%+v, %v", c, err)
	}
}
