package manifest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// clones is a steering manifest with one clone, whose URI-REPLACEMENT has the
// members given.
func clones(members string) string {
	return `{"VERSION":1,"TTL":300,"RELOAD-URI":"s.json?a=1","PATHWAY-PRIORITY":["A","B"],"PATHWAY-CLONES":[{"BASE-ID":"A","ID":"B","URI-REPLACEMENT":{` + members + `}}]}`
}

func TestJSON(t *testing.T) {
	const evil = `"HOST":"evil.example.net"`
	tests := []struct{ name, in, want string }{ // want: ^ and + as in MPDs, but without XML
		{"steering manifest", ``, `{"VERSION":1,"TTL":300,"RELOAD-URI":"https://live.example.com/live/org1/cam1/s.json^","PATHWAY-PRIORITY":["CDN-A"]}`},
		{"steering manifest with a query", ``, `{"VERSION":1,"RELOAD-URI":"s.json?session=1+","PATHWAY-PRIORITY":["A"]}`},
		{"DASH steering manifest", ``, "{\r\n  \"VERSION\": 1,\r\n\t\"TTL\": 10,\r\n  \"RELOAD-URI\": \"/live/org1/cam1/steering?x=1+\",\r\n  \"PATHWAY-PRIORITY\": [\"alpha\", \"beta\"]\r\n}\r\n"},
		{"foreign reload", ``, `{"VERSION":1,"RELOAD-URI":"https://evil.example.net/live/org1/cam1/s.json"}`},
		{"reload of another stream", ``, `{"VERSION":1,"RELOAD-URI":"../cam2/s.json"}`},
		{"reload that is no text", ``, `{"VERSION":1,"RELOAD-URI":["s.json"],"PATHWAY-PRIORITY":"RELOAD-URI"}`},
		{"nested reload", ``, `{"VERSION":1,"X":{"RELOAD-URI":"s.json"},"RELOAD-URI":"s.json^"}`},
		{"reload twice", ``, `{"VERSION":1,"RELOAD-URI":"a^","RELOAD-URI":"b^"}`},
		{"escaped slashes", ``, `{"VERSION":1,"RELOAD-URI":"https:\/\/live.example.com\/live\/org1\/cam1\/s.json^"}`},
		{"escaped slashes of another host", ``, `{"VERSION":1,"RELOAD-URI":"https:\/\/live.example.com.evil.example.net\/live\/org1\/cam1\/s.json"}`},
		{"escapes by number", ``, `{"VERSION":1,"RELOAD-URI":"s\u002ejson\u003Fa\u003d1+"}`},
		{"escape by number of another host", ``, `{"VERSION":1,"RELOAD-URI":"\u002f\u002fevil.example.net/live/org1/cam1/s.json"}`},
		{"escaped fragment", ``, `{"VERSION":1,"RELOAD-URI":"s.json^\u0023f"}`},
		{"escaped backslash, quote and line end", ``, `{"VERSION":1,"RELOAD-URI":"a\\b^","ASSETS":[{"URI":"a^\n"},{"URI":"a\"^"}]}`},
		{"half a character", ``, `{"VERSION":1,"RELOAD-URI":"a\ud83d"}`},
		{"name with an escape", ``, `{"VERSION":1,"RELOAD\u002dURI":"a^"}`},
		{"letters beyond ASCII", ``, `{"VERSION":1,"TTL":1,"X":"ä\uD83D\uDE00","RELOAD-URI":"höhe^"}`},
		{"asset list", ``, `{"ASSETS":[{"URI":"ad1.m3u8^","DURATION":15.0},{"URI":"https://ads.example.net/ad2.m3u8","DURATION":1.5e1},{"URI":"/live/org1/cam1/ad3.m3u8?x=1,2+"}],"SKIP-CONTROL":{"OFFSET":1,"URI":"x"}}`},
		{"assets of other shapes", ``, `{"ASSETS":["a",{"URI":null},{"URI":{"URI":"a"}},[{"URI":"a"}],{"X":{"URI":"a"}},1,true]}`},
		{"clone of ours", ``, `{"VERSION":1,"PATHWAY-CLONES":[{"BASE-ID":"A","ID":"B","URI-REPLACEMENT":{"HOST":"live.example.com","PARAMS":{"a":"b"}}}]}`},
		{"clone on a site of ours", ``, `{"VERSION":1,"PATHWAY-CLONES":[{"ID":"B","URI-REPLACEMENT":{"HOST":"cdn.example.com:8443"}}]}`},
		{"clone with URIs", ``, `{"VERSION":1,"PATHWAY-CLONES":[{"ID":"B","URI-REPLACEMENT":{"PER-VARIANT-URIS":{"v1":"v1.m3u8^","v2":"https://evil.example.net/live/org1/cam1/x","v3":"/live/org1/cam1/x?y+"},"PER-RENDITION-URIS":{"a":"a.m3u8^"},"X":{"a":"a.m3u8"}}}]}`},
		{"URIs in another place", ``, `{"VERSION":1,"PATHWAY-CLONES":[{"PER-VARIANT-URIS":{"v1":"v1.m3u8"},"X":{"URI-REPLACEMENT":{"HOST":"evil.example.net"}}}],"RELOAD-URI":"s^"}`},

		{"foreign clone", clones(evil), clones(`"PARAMS":{"token":""},` + evil)},
		{"foreign clone without a version", `{"PATHWAY-CLONES":[{"URI-REPLACEMENT":{` + evil + `}}]}`, `{"PATHWAY-CLONES":[{"URI-REPLACEMENT":{"PARAMS":{"token":""},` + evil + `}}]}`},
		{"foreign clone with parameters", clones(evil + `,"PARAMS": { "a":"b"}`), clones(evil + `,"PARAMS": {"token":"", "a":"b"}`)},
		{"foreign clone, parameters first", clones(`"PARAMS":{"a":"b"},` + evil), clones(`"PARAMS":{"token":"","a":"b"},` + evil)},
		{"foreign clone with empty parameters", clones(`"PARAMS":{ },` + evil), clones(`"PARAMS":{"token":"" },` + evil)},
		{"foreign clone with the parameter", clones(evil + `,"PARAMS":{"a":"b","token":"x"}`), clones(evil + `,"PARAMS":{"a":"b","token":""}`)},
		{"foreign clone with the parameter twice", clones(evil + `,"PARAMS":{"token":"x","\u0074oken":"y"}`), clones(evil + `,"PARAMS":{"token":"","\u0074oken":""}`)},
		{"foreign clone with parameters twice", clones(`"PARAMS":{"a":"b"},` + evil + `,"PARAMS":{}`), clones(`"PARAMS":{"token":"","a":"b"},` + evil + `,"PARAMS":{"token":""}`)},
		{"foreign clone, then ours", clones(evil + `,"HOST":"live.example.com"`), clones(`"PARAMS":{"token":""},` + evil + `,"HOST":"live.example.com"`)},
		{"ours, then a foreign clone", clones(`"HOST":"live.example.com",` + evil), clones(`"PARAMS":{"token":""},"HOST":"live.example.com",` + evil)},
		{"host with an escape", clones(`"HOST":"live\u002eexample.com"`), clones(`"PARAMS":{"token":""},"HOST":"live\u002eexample.com"`)},
		{"host with another port", clones(`"HOST":"live.example.com:8080"`), clones(`"PARAMS":{"token":""},"HOST":"live.example.com:8080"`)},
		{"host that is none", clones(`"HOST":"live.example.com/x"`), clones(`"PARAMS":{"token":""},"HOST":"live.example.com/x"`)},
		{"host with a user", clones(`"HOST":"live.example.com@evil.example.net"`), clones(`"PARAMS":{"token":""},"HOST":"live.example.com@evil.example.net"`)},
		{"empty host", clones(`"HOST":""`), clones(`"PARAMS":{"token":""},"HOST":""`)},
		{"host that is no text", clones(`"HOST":{"a":["HOST",null,{}]}`), clones(`"PARAMS":{"token":""},"HOST":{"a":["HOST",null,{}]}`)},
		{"foreign clone with URIs", clones(`"PER-VARIANT-URIS":{"v":"v.m3u8"},` + evil), clones(`"PARAMS":{"token":""},"PER-VARIANT-URIS":{"v":"v.m3u8^"},` + evil)},

		{"any other JSON", ``, `{"RELOAD-URI":"s.json","URI":"a"}`},
		{"version alone", ``, `{"VERSION":1,"URI":"a"}`},
		{"members in small letters", ``, `{"version":1,"reload-uri":"a","assets":[{"uri":"a"}]}`},
		{"array", ``, `[{"VERSION":1,"RELOAD-URI":"s.json"}]`},
		{"text", ``, `"RELOAD-URI"`},
		{"nothing", ``, ``},
		{"cut", ``, `{"VERSION":1,"RELOAD-URI":"s.json"`},
		{"two documents", ``, `{"VERSION":1,"RELOAD-URI":"s.json"}{}`},
		{"comma at the end", ``, `{"VERSION":1,"RELOAD-URI":"s.json",}`},
		{"comment", ``, `{"VERSION":1,/**/"RELOAD-URI":"s.json"}`},
		{"byte order mark", ``, "\ufeff{\"VERSION\":1,\"RELOAD-URI\":\"s.json^\"}"},
		{"single quotes", ``, `{'VERSION':1,'RELOAD-URI':'s.json'}`},
		{"too deep", ``, `{"VERSION":1,"RELOAD-URI":"s.json","X":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, want := tt.in, strings.NewReplacer("^", pairQ, "+", pairA).Replace(tt.want)
			if in == "" {
				in = strings.NewReplacer("^", "", "+", "").Replace(tt.want)
			} else {
				want = strings.Replace(want, `s.json?a=1"`, `s.json?a=1`+pairA+`"`, 1)
			}
			rw := testRewriter()
			got := mustJSON(t, rw, in)
			if got != want {
				t.Fatalf("\n got %s\nwant %s", got, want)
			}
			if again := mustJSON(t, rw, got); again != got {
				t.Errorf("second run:\n got %s\nwant %s", again, got)
			}
			other := testRewriter()
			other.Token = "another.token.9"
			if first, second := mustJSON(t, other, in), mustJSON(t, other, got); first != second {
				t.Errorf("other token after the first:\n got %s\nwant %s", second, first)
			}
		})
	}
}

func mustJSON(t *testing.T, rw *Rewriter, in string) string {
	t.Helper()
	out := rw.JSON(nil, []byte(in))
	return string(out)
}

// Where emptying a parameter is not possible, or nobody knows what a player
// makes of it, a clone on another host is a leak.
func TestJSONLeak(t *testing.T) {
	const evil = `"HOST":"evil.example.net"`
	for name, members := range map[string]string{
		"parameters that are null":      `"PARAMS":null,` + evil,
		"parameters that are a text":    evil + `,"PARAMS":"token"`,
		"parameters that are an array":  evil + `,"PARAMS":["token",{"HOST":1}]`,
		"a parameter that is a number":  evil + `,"PARAMS":{"token":1}`,
		"a parameter that is null":      evil + `,"PARAMS":{"a":null}`,
		"a parameter that is an object": `"PARAMS":{"token":{"token":[{}]}},` + evil,
		"one of two":                    `"PARAMS":{},"PARAMS":[],` + evil,
	} {
		if err := testCheck().Manifest(JSON, []byte(clones(members))); !errors.Is(err, ErrLeak) {
			t.Errorf("%s: %v", name, err)
		}
		own := strings.Replace(clones(members), "evil.example.net", "live.example.com", 1)
		if got := mustJSON(t, testRewriter(), own); got != strings.Replace(own, `s.json?a=1`, `s.json?a=1`+pairA, 1) {
			t.Errorf("%s on this site: %s", name, got)
		}
	}
	inPath := testCheck()
	if inPath.InPath, inPath.InQuery = true, false; !errors.Is(inPath.Manifest(JSON, []byte(clones(evil))), ErrLeak) {
		t.Error("in path form a clone on another host is no leak")
	}
	in := clones(`"HOST":"live.example.com"`)
	if got := mustJSON(t, pathRewriter(), in); got != in {
		t.Errorf("in path form on this site: %s", got)
	}
	in = `{"VERSION":1,"RELOAD-URI":"\/live\/org1\/cam1\/s.json?a=1&token=` + otherToken + `"}`
	want := `{"VERSION":1,"RELOAD-URI":"\/live/~` + testToken + `\/org1\/cam1\/s.json?a=1"}`
	if got := mustJSON(t, pathRewriter(), in); got != want {
		t.Errorf("in path form: %s", got)
	}
}

// TestJSONLinear feeds hostile documents of the size that the gate looks at. The
// limit leaves room for the race detector on a loaded machine; what is not
// linear takes minutes.
func TestJSONLinear(t *testing.T) {
	const size = 256 << 10
	fill := func(head, part, tail string) string {
		return head + strings.TrimSuffix(strings.Repeat(part+",", size/(len(part)+1)), ",") + tail
	}
	for name, in := range map[string]string{
		"assets":        fill(`{"ASSETS":[`, `{"URI":"a"}`, `]}`),
		"a long URI":    `{"VERSION":1,"RELOAD-URI":"` + strings.Repeat("a", size) + `"}`,
		"escapes":       `{"VERSION":1,"RELOAD-URI":"` + strings.Repeat(`\/`, size/2) + `"}`,
		"pairs":         fill(`{"ASSETS":[`, `{"URI":"a?`+strings.Repeat(`token=a.b.c\u0026`, 1500)+`"}`, `]}`),
		"members":       fill(`{"VERSION":1,"PATHWAY-CLONES":[{"URI-REPLACEMENT":{`, `"HOST":"x","PARAMS":{}`, `}}]}`),
		"clones":        fill(`{"VERSION":1,"PATHWAY-CLONES":[`, `{"URI-REPLACEMENT":{"HOST":"x"}}`, `]}`),
		"depth":         `{"ASSETS":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
		"depth in host": `{"PATHWAY-CLONES":[{"URI-REPLACEMENT":{"HOST":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}]}`,
	} {
		start := time.Now()
		if got := mustJSON(t, testRewriter(), in); !json.Valid([]byte(got)) {
			t.Errorf("%s: no JSON any more", name)
		}
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%s: %d bytes took %v", name, len(in), d)
		} else {
			t.Logf("%s: %v", name, d)
		}
	}
}
