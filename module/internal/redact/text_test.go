package redact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token/jwt"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// planted is a token as Playgate makes them. Its parts begin with a and b
// inside, so that what is left of it can be told.
const planted = "eyJhbGciOiJFZERTQSIsImtpZCI6Im1haW4ifQ.eyJvcmciOiJvcmcxIiwic3RyZWFtcyI6WyJjYW0xIl0sImV4cCI6MTkwMDAwMDAwMH0.c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmUtc2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmUtMTIzNA"

// escapeAll percent-encodes every byte, escapeSome every n-th.
func escapeAll(s string) string { return escapeSome(s, 1) }

func escapeSome(s string, n int) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		if i%n == 0 {
			b.WriteString("%" + hex[s[i]>>4:s[i]>>4+1] + strings.ToUpper(hex[s[i]&15:s[i]&15+1]))
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// escapeQuery is what url.QueryEscape does, whichever characters it leaves.
func escapeQuery(s string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", ":", "%3A", "?", "%3F", "=", "%3D", "&", "%26", "~", "%7E").Replace(s)
}

func clean(s string) string { return string(Text([]byte(s))) }

func TestTextTakesTokensOut(t *testing.T) {
	const tk = planted
	tests := []struct{ name, text, want string }{
		{"alone", tk, Mark},
		{"query", "/live/org1/cam1/x?token=" + tk, "/live/org1/cam1/x?token=" + Mark},
		{"query, other pairs", "/x?a=1&token=" + tk + "&b=2", "/x?a=1&token=" + Mark + "&b=2"},
		{"query, another name", "/x?whatever=" + tk + "&b=2", "/x?whatever=" + Mark + "&b=2"},
		{"jwtoken", "/x?jwtoken=" + tk + "#y", "/x?jwtoken=" + Mark + "#y"},
		{"path", "/live/~" + tk + "/org1/cam1/x", "/live/~" + Mark + "/org1/cam1/x"},
		{"header", "Authorization: Bearer " + tk + "\r\n", "Authorization: Bearer " + Mark + "\r\n"},
		{"cookie", "a=b; playgate_token=" + tk + "; c=d", "a=b; playgate_token=" + Mark + "; c=d"},
		{"referer", `"Referer":["https://live.example.com/play?token=` + tk + `"]`, `"Referer":["https://live.example.com/play?token=` + Mark + `"]`},
		{"two", tk + " and " + tk, Mark + " and " + Mark},
		{"two that touch", tk + "&" + tk, Mark + "&" + Mark},
		{"unsigned", "x eyJhbGciOiJub25lIn0.eyJvcmciOiJvcmcxIn0. y", "x " + Mark + " y"},
		{"followed by a dot", "see " + tk + ".", "see " + Mark},
		{"in the middle of a word", "xy" + tk, "xy" + Mark},
		{"after a hyphen", "token-" + tk, "token-" + Mark},
		{"after an escape of JSON", `a\u0026token=` + tk + `"`, `a\u0026token=` + Mark + `"`},
		{"percent-encoded dots", "/x?token=" + strings.ReplaceAll(tk, ".", "%2E") + "&b", "/x?token=" + Mark + "&b"},
		{"percent-encoded wholly", "/x?q=" + escapeAll(tk) + "&b", "/x?q=" + Mark + "&b"},
		{"percent-encoded partly", "/x?q=" + escapeSome(tk, 7) + "&b", "/x?q=" + Mark + "&b"},
		{"percent-encoded twice", "/x?q=" + escapeQuery(escapeAll(tk)) + "&b", "/x?q=" + Mark + "&b"},
		{"percent-encoded three times", "/x?q=" + escapeQuery(escapeQuery(escapeSome(tk, 3))) + "&b", "/x?q=" + Mark + "&b"},
		{"percent-encoded in the path", "/live/%7E" + escapeSome(tk, 5) + "/org1", "/live/" + Mark + "/org1"},
		{"URL in a query", "/x?url=" + escapeQuery("https://a/b?token="+tk+"&c=d") + "&e=f", "/x?url=" + Mark + "&e=f"},
		{"URL in a URL in a query", "/x?url=" + escapeQuery("https://a/?u="+escapeQuery("https://b/?token="+tk)) + "&e=f", "/x?url=" + Mark + "&e=f"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.text); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestTextTakesTheValueOfATokensName(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"short", "/x?token=s3cret", "/x?token=" + Mark},
		{"jwtoken", "/x?a=1&jwtoken=s3cret&b=2", "/x?a=1&jwtoken=" + Mark + "&b=2"},
		{"in JSON", `{"uri":"/x?token=s3cret"}`, `{"uri":"/x?token=` + Mark + `"}`},
		{"a session token", "/x?token=p1.AbCd-_9", "/x?token=" + Mark},
		{"name with an escape", "/x?to%6ben=s3cret&b", "/x?to%6ben=" + Mark + "&b"},
		{"value with an escape", "/x?token=s3%63ret&b", "/x?token=" + Mark + "&b"},
		{"equals sign with an escape", "/x?token%3Ds3cret&b", "/x?" + Mark + "&b"},
		{"nested", "/x?url=https%3A%2F%2Fa%2F%3Ftoken%3Ds3cret&b", "/x?url=" + Mark + "&b"},
		{"nested twice", "/x?url=" + escapeQuery(escapeQuery("https://a/?token=s3cret")) + "&b", "/x?url=" + Mark + "&b"},
		{"twice", "/x?token=one&token=two", "/x?token=" + Mark + "&token=" + Mark},
		{"base64 of the other alphabet", "/x?token=s3c+r3t/s3c+r3t==&b", "/x?token=" + Mark + "&b"},
		{"other characters of values", "/x?token=s3c~r3t:s3,r3t!s3cr3t@(x)*'&b", "/x?token=" + Mark + "&b"},
		{"after an escape of JSON", `{"uri":"/x?a=1\u0026token=s3cret\u0026b"}`, `{"uri":"/x?a=1\u0026token=` + Mark + `\u0026b"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.text); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
	known := names.Load()
	t.Cleanup(func() { names.Store(known) })
	if got := clean("/x?accesskey=s3cret"); got != "/x?accesskey=s3cret" {
		t.Errorf("a name that nobody gave: %s", got)
	}
	AddNames("accesskey", "accesskey")
	if got := clean("/x?accesskey=s3cret&token=x"); got != "/x?accesskey="+Mark+"&token="+Mark {
		t.Errorf("a name of the configuration: %s", got)
	}
}

// plantedSession is a session token; see package sessiontoken.
const plantedSession = "s.Agq-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdfghijklmnopqrstuvwxyz-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"

func TestTextTakesSessionTokensOut(t *testing.T) {
	if !sessiontoken.HasForm(plantedSession) {
		t.Fatalf("%d characters", len(plantedSession))
	}
	const tk = plantedSession
	for in, want := range map[string]string{
		tk:                                        Mark,
		"/live/~" + tk + "/org1/cam1/x":           "/live/~" + Mark + "/org1/cam1/x",
		"Authorization: Bearer " + tk:             "Authorization: Bearer " + Mark,
		"Cookie: a=b; x=" + tk + "; c=d":          "Cookie: a=b; x=" + Mark + "; c=d",
		"/x?whatever=" + tk + "&b=2":              "/x?whatever=" + Mark + "&b=2",
		`{"Referer":["https://a/~` + tk + `/b"]}`: `{"Referer":["https://a/~` + Mark + `/b"]}`,
		"/~" + escapeAll(tk) + "/x":               "/~" + Mark + "/x",
		"/~" + escapeSome(tk, 9) + "/x":           "/~" + Mark + "/x",
		"/%7E" + tk + "/x":                        "/" + Mark + "/x",
		"xs" + tk + "yz/x":                        "xs" + Mark + "/x",
		"news." + tk + "/x":                       "news." + Mark + "/x",
		tk + "/" + planted + "/" + tk:             Mark + "/" + Mark + "/" + Mark,
		tk + "." + planted + "/x":                 Mark + "/x",
		planted + "." + tk + "/x":                 Mark + "/x",
	} {
		if got := clean(in); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
		if again := clean(clean(in)); again != want {
			t.Errorf("second run: %s", again)
		}
		if !Found(in) {
			t.Errorf("nothing is found in %s", in)
		}
	}
	for _, other := range []string{
		tk[:2+sessionLeast-1], "s." + tk[2:40] + "." + tk[41:], "hls." + tk[2:50] + "/x", "s" + tk[2:], "t." + tk[2:],
	} {
		if got := clean("/" + other + "/x"); got != "/"+other+"/x" {
			t.Errorf("%s has become %s", other, got)
		}
	}
}

// nested is a character as it is once it was percent-encoded, and that again n times.
func nested(c byte, n int, format string) string {
	return "%" + strings.Repeat("25", n) + fmt.Sprintf(format, c)
}

// One character that is written in another way hides nothing of the rest, wherever it
// stands, and neither does an end that is lost: what is left can be guessed.
func TestTextTakesOutWhatIsNearlyAToken(t *testing.T) {
	const apiKey = "pgk_Xy12Xy12Xy12_0123456789abcdefghijABCDEFGHIJ12"
	contexts := []string{
		"%s", "/live/~%s/org1/cam1/x", "/x?token=%s&b=1", "/x?other=%s&b=1", "Authorization: Bearer %s", `{"Referer":["https://a.example/~%s/b"]}`,
	}
	for _, whole := range []string{planted, plantedSession, apiKey} {
		for _, tk := range []string{whole, whole[:len(whole)-1], whole[:len(whole)-3]} {
			for i := range len(tk) {
				for _, format := range []string{"%02x", "%02X"} {
					for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 20} {
						for _, context := range contexts {
							in := strings.Replace(context, "%s", tk[:i]+nested(tk[i], n, format)+tk[i+1:], 1)
							if got, want := clean(in), strings.Replace(context, "%s", Mark, 1); got != want {
								t.Fatalf("\n got %s\nwant %s\nfrom %s", got, want, in)
							}
						}
					}
				}
			}
			for _, context := range contexts {
				if got, want := clean(strings.Replace(context, "%s", tk, 1)), strings.Replace(context, "%s", Mark, 1); got != want {
					t.Errorf("\n got %s\nwant %s", got, want)
				}
			}
		}
	}
	// Every character nested, and two of them to a different depth.
	var all strings.Builder
	for i := range len(planted) {
		all.WriteString(nested(planted[i], i%7, "%02x"))
	}
	for _, in := range []string{all.String(), "a%2525252520" + nested('e', 5, "%02x") + planted[1:], "%253Ftoken%253D" + nested('s', 6, "%02X") + plantedSession[1:]} {
		if got := clean("/x/" + in + "/y"); got != "/x/"+Mark+"/y" {
			t.Errorf("%s from %s", got, in)
		}
	}
}

// A character that no token has, or one that is lost, leaves no more of a token than
// nobody can complete: too much of its claims and signature is gone.
func TestTextTakesOutBrokenTokens(t *testing.T) {
	// A signature in which no part is there twice.
	tk := planted[:strings.LastIndexByte(planted, '.')+1] + "Zk3vQ9xTb0Lw7RmYc2NfHs8KjPdUeGa1ViXo5BtEzSCqMl6IrWn4gAhDuJyOp_-FkTwRb9ZcXsQe7LmNvGa2Hd"
	header, rest, _ := strings.Cut(tk, ".")
	const window = 8
	hidden := func(text string) int {
		left := make([]bool, len(rest))
		for i := 0; i+window <= len(rest); i++ {
			if strings.Contains(text, rest[i:i+window]) {
				for j := i; j < i+window; j++ {
					left[j] = true
				}
			}
		}
		n := 0
		for _, l := range left {
			if !l {
				n++
			}
		}
		return n
	}
	for _, context := range []string{"%s", "/live/~%s/org1/cam1/x", "/x?token=%s&b=1", "/x?other=%s&b=1", "Authorization: Bearer %s", `{"Referer":["https://a.example/~%s/b"]}`} {
		for _, junk := range []string{"", " ", "%20", "%0a", "%0D%0A", "%2520", "\"", "\\\"", "&", "%26", "/", "%2f", "+", "=", "%3d", "%", "é", "%c3%a9", "\n", "."} {
			for i := range len(tk) {
				list := []string{tk[:i] + junk + tk[i:], tk[:i] + junk + tk[i+1:]}
				if i <= len(header)+1 {
					list = append(list, tk[i:])
				}
				for _, broken := range list {
					text := clean(strings.Replace(context, "%s", broken, 1))
					if n := hidden(text); n < 30 {
						t.Fatalf("junk %q at %d: only %d characters are hidden in\n%s\nfrom %s", junk, i, n, text, broken)
					}
				}
			}
		}
	}
}

// Ordinary names stay, however long.
func TestTextLeavesNames(t *testing.T) {
	for _, text := range []string{
		"external-media.example.com", "my-external-media.example.com", "https://eyewear-store.example.com/", "eyes-on-the-world.example.com",
		"index_1080p_av1_main_segment_000001.init.mp4", "express-check.video.m3u8", "newsletter-archive.example.org",
		"a_segment_of_something_000123.0123456789abcdef0123456789abcdef01234567.m4s",
		"a_segment_of_something_000123.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.m4s",
		"chunk-vendors-of-the-page.8f3c1d2e.js", "sixteen-of-these.eyebrows-and-all.example.com",
		"/live/acme/cam/eyJ/seg.ts", "ewe.eye.ewer.example.com", "s.e.g.m.e.n.t", "2027-01-15T12.00.00.000000Z.ts",
	} {
		for _, context := range []string{"%s", "/%s/x", "https://%s/", `{"host":"%s","n":1}`} {
			if in := strings.Replace(context, "%s", text, 1); clean(in) != in {
				t.Errorf("%s has become %s", in, clean(in))
			}
		}
	}
}

// What is left of a token goes also from a line that has nothing else in it.
func TestTextTakesRestsOutOfPlainLines(t *testing.T) {
	parts := strings.Split(planted, ".")
	rest := parts[1][3:] + ".Zk3vQ9xTb0Lw7RmYc2NfHs8KjPdUeGa1ViXo5BtEzSCqMl6IrWn4gAhDuJ0Op_-FkTwRb9ZcXsQ17LmNvGa2Hd"
	for _, context := range []string{"%s", "/live/~%s/x", `{"uri":"/live/%s/x","status":404}`} {
		if got, want := clean(strings.Replace(context, "%s", rest, 1)), strings.Replace(context, "%s", Mark, 1); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}

func TestUnescapeAllLeavesNoEscape(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", "%": "%", "%4": "%4", "%41": "A", "%2541": "A", "%25252541": "A", "%zz": "%zz", "%%34%31": "A", "%%41": "%A",
		"%25": "%", "%2525": "%", "%2": "%2", "a%2": "a%2", "%254": "%4", "%2%35": "%", "%2%354%31": "A", "x%c3%a9%ff": "x\xc3\xa9\xff", "%2g%25zz": "%2g%zz", "%00": "\x00",
	} {
		got := unescapeAll(in)
		if got != want {
			t.Errorf("%q: %q instead of %q", in, got, want)
		}
		if again := unescape(got); again != got {
			t.Errorf("%q: %q has an escape left", in, got)
		}
	}
}

// Issuers elsewhere may write their JSON with white space. Whatever the reader
// takes for a token must not stay in a log.
func TestTextTakesOutWhateverTheReaderAccepts(t *testing.T) {
	for name, parts := range map[string][2]string{
		"compact":                {`{"alg":"EdDSA"}`, `{"org":"org1","orgwide":true,"exp":1900000000}`},
		"blank":                  {`{ "alg": "EdDSA" }`, `{ "org": "org1", "orgwide": true, "exp": 1900000000 }`},
		"line feed":              {"{\n  \"alg\": \"EdDSA\"\n}", "{\n  \"org\": \"org1\",\n  \"orgwide\": true,\n  \"exp\": 1900000000\n}"},
		"carriage return":        {"{\r\n  \"alg\": \"EdDSA\"\r\n}", "{\r\n  \"org\": \"org1\",\r\n  \"orgwide\": true,\r\n  \"exp\": 1900000000\r\n}"},
		"tab":                    {"{\t\"alg\":\"EdDSA\"}", "{\t\"org\":\"org1\",\"orgwide\":true,\"exp\":1900000000}"},
		"line feed in the front": {"\n{\"alg\":\"EdDSA\"}", "\n{\"org\":\"org1\",\"orgwide\":true,\"exp\":1900000000}"},
		"blank in the front":     {" {\"alg\":\"EdDSA\"}", " {\"org\":\"org1\",\"orgwide\":true,\"exp\":1900000000}"},
	} {
		encode := base64.RawURLEncoding.EncodeToString
		token := encode([]byte(parts[0])) + "." + encode([]byte(parts[1])) + "." + strings.Repeat("c2ln", 21) + "AA"
		if _, err := jwt.Parse(token); err != nil {
			continue
		}
		if got := clean("/live/~" + token + "/org1/cam1/x"); got != "/live/~"+Mark+"/org1/cam1/x" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Something in front of a token must not hide it, whatever that something
// becomes when it is decoded together with the token.
func TestTextTakesTokensBehindOddPrefixes(t *testing.T) {
	for _, prefix := range []string{"%", "%4", "%6", "%25", "%2", "a%zz", "%%", "%4%", "ey", "ey.", "eyJ.", "a.b.", "..", ".", "-", "_", "e", "REDACTED", "eyabcd.efgh.", "%65y%4", "https://they.example.com/"} {
		if got := clean(prefix + planted); strings.Contains(got, planted) || strings.Contains(got, planted[len(planted)/2:]) {
			t.Errorf("after %q it is still there: %s", prefix, got)
		}
	}
	for _, suffix := range []string{"%", "%4", "%zz", ".", "..", "%2e", ".eyJ", "-", "="} {
		if got := clean(planted + suffix); strings.Contains(got, planted) {
			t.Errorf("before %q it is still there: %s", suffix, got)
		}
	}
}

func TestTextTakesTokensOutOfLogLines(t *testing.T) {
	line := func(token string) string {
		b, err := json.Marshal(map[string]any{
			"level": "error", "msg": "dial tcp: GET \"http://origin/x?token=" + token + "\": refused",
			"request": map[string]any{
				"uri":     "/live/~" + token + "/org1/cam1/x?a=1&token=" + token,
				"headers": map[string][]string{"Referer": {"https://live.example.com/play?token=" + token}, "Cookie": {"playgate_token=" + token}, "Authorization": {"Bearer " + token}},
			},
			"nested": `{"uri":"/x?token=` + token + `"}`,
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got, want := clean(line(planted)), line(Mark); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	var any map[string]any
	if err := json.Unmarshal(Text([]byte(line(planted))), &any); err != nil {
		t.Errorf("the line is no JSON any more: %v", err)
	}
}

func TestTextLeavesOtherTextAlone(t *testing.T) {
	for _, s := range []string{
		"", " ", "token", "token=", "/x?token=&b=1", "?tokens=abc&xtoken=abc&Token=abc&token2=abc", `{"token":"abc"}`, "a token = b", "jwtoken",
		"eyeglasses", "they.example.com", "monkey.see.monkey.do", "https://they.example.com/keys/a.b.c", "key.pem.bak", "/live/org1/grey.cam.1/index.m3u8", "hey.you.there",
		"100%", "%", "%%", "%zz", "a%20b", "/x?a=%2F%20é", "caf\xc3\xa9 \xff\xfe", "a.b.c", "1.2.3.4", "%2525252541", "/x?a=%252525252520b", "100%25252525", "/live/org1/segments." + strings.Repeat("0a1b", 16) + ".m4s",
		"/assets/chunks." + strings.Repeat("aB-_", 21) + "xy.js", "/assets/s." + strings.Repeat("aB-_", 22) + ".js", "sha512-" + strings.Repeat("aB-_", 21) + "xy==", "2026-11-24T18:00:00.000Z", "index.m3u8?_HLS_msn=1&_HLS_part=2",
		`{"level":"info","ts":1795543200.123,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"203.0.113.7","proto":"HTTP/2.0","host":"live.example.com","uri":"/live/org1/cam1/seg-4711.mp4?x=%2Fy"},"status":200}` + "\n",
	} {
		in := []byte(s)
		out := Text(in)
		if string(out) != s {
			t.Errorf("%q has become %q", s, out)
		}
		if len(in) > 0 && &in[0] != &out[0] {
			t.Errorf("%q is a copy", s)
		}
	}
}

func TestTextDoesNotWriteIntoItsArgument(t *testing.T) {
	in := []byte("/x?token=" + planted + "&b=1")
	before := string(in)
	Text(in)
	if string(in) != before {
		t.Errorf("%q", in)
	}
}

// Around tokens, every byte of what cannot be a token's stays.
func TestTextLeavesEveryByteAroundATokenAlone(t *testing.T) {
	const other = "abcxyz /?&=#:;,\"'\\{}[]()<>~+*!@$|^`\t\n\r\x00é\xff0123/index.m3u8?a=b"
	random := rand.New(rand.NewPCG(5, 6))
	text := func() string {
		var b strings.Builder
		for range random.IntN(40) {
			b.WriteByte(other[random.IntN(len(other))])
		}
		return b.String()
	}
	for range 20_000 {
		// A delimiter on both sides, so that it is clear where the token ends.
		before, after := text()+"/", "/"+text()
		if strings.Contains(before+after, "token") {
			continue
		}
		if got, want := clean(before+planted+after), before+Mark+after; got != want {
			t.Fatalf("\n got %q\nwant %q", got, want)
		}
	}
}

func TestTextTakesAPIKeysOut(t *testing.T) {
	const key = "pgk_Xy12Xy12Xy12_0123456789abcdefghijABCDEFGHIJ12"
	for in, want := range map[string]string{
		key:                            Mark,
		"Authorization: Bearer " + key: "Authorization: Bearer " + Mark,
		`{"headers":{"X-Bintu-Apikey":["` + key + `"]}}`: `{"headers":{"X-Bintu-Apikey":["` + Mark + `"]}}`,
		"/api/v1/orgs?key=" + key + "&b=2":               "/api/v1/orgs?key=" + Mark + "&b=2",
		"/x?q=" + escapeAll(key) + "&b":                  "/x?q=" + Mark + "&b",
		"pgk_ " + key + " pgk_short":                     "pgk_ " + Mark + " pgk_short",
		"apikey Xy12Xy12Xy12 was made":                   "apikey Xy12Xy12Xy12 was made",
	} {
		if got := clean(in); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}
