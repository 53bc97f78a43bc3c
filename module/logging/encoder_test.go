package logging_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// object, list and text are the ways in which values log themselves.
type (
	object string
	list   []string
	text   string
)

func (o object) MarshalLogObject(e zapcore.ObjectEncoder) error {
	e.AddString("uri", string(o))
	e.AddByteString("raw", []byte(o))
	return e.AddReflected("deep", map[string]any{"k": []string{string(o)}, string(o): 1})
}

func (l list) MarshalLogArray(e zapcore.ArrayEncoder) error {
	for _, s := range l {
		e.AppendString(s)
		e.AppendByteString([]byte(s))
	}
	return nil
}

func (t text) String() string { return string(t) }

// everyField is a field of each kind that can carry text.
func everyField(s string) map[string]zap.Field {
	return map[string]zap.Field{
		"string":        zap.String("f", s),
		"strings":       zap.Strings("f", []string{"x", s}),
		"pointer":       zap.Stringp("f", &s),
		"bytes":         zap.ByteString("f", []byte(s)),
		"many bytes":    zap.ByteStrings("f", [][]byte{[]byte(s)}),
		"any":           zap.Any("f", s),
		"object":        zap.Object("f", object(s)),
		"inline object": zap.Inline(object(s)),
		"array":         zap.Array("f", list{s}),
		"error":         zap.Error(errors.New("failed: " + s)),
		"wrapped error": zap.NamedError("f", fmt.Errorf("while reading: %w", &url.Error{Op: "Get", URL: s, Err: errors.New("refused")})),
		"errors":        zap.Errors("f", []error{errors.New(s)}),
		"joined errors": zap.Error(errors.Join(errors.New("a"), errors.New(s))),
		"stringer":      zap.Stringer("f", text(s)),
		"reflected":     zap.Reflect("f", map[string]any{"uri": s, "list": []any{s}}),
		"header":        zap.Reflect("f", http.Header{"Referer": {s}, "Link": {"<" + s + ">; rel=preload"}}),
		"struct":        zap.Any("f", struct{ URI *string }{&s}),
		"dictionary":    zap.Dict("f", zap.String("uri", s)),
		"the key":       zap.Int(s, 1),
	}
}

// forms are how a token may stand in a text.
func forms(tok string) map[string]string {
	return map[string]string{
		"alone":            tok,
		"in the query":     "/live/acme/cam/index.m3u8?a=1&token=" + tok + "&b=2",
		"second name":      "/live/acme/cam/index.m3u8?jwtoken=" + tok,
		"in the path":      "/live/~" + tok + "/acme/cam/index.m3u8",
		"bearer":           "Bearer " + tok,
		"quoted":           `"` + tok + `"`,
		"escaped":          url.QueryEscape("https://live.test/x?token=" + tok),
		"escaped twice":    url.QueryEscape(url.QueryEscape("https://live.test/x?token=" + tok)),
		"every byte":       escapeAll(tok),
		"in a word":        "x" + tok,
		"before a newline": "uri: " + tok + "\nnext",
	}
}

func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

// Whatever the field and however the token is written in it, the encoder takes
// it out, also of fields that With() has added, of the message and of the
// logger's name.
func TestTokensAreTakenOutOfEveryField(t *testing.T) {
	tok := mint(t)
	for _, line := range []string{"playgate", "playgate json", "playgate console", "playgate {\nwrap console\n}"} {
		for form, s := range forms(tok) {
			for kind, field := range everyField(s) {
				t.Run(line+" "+form+" "+kind, func(t *testing.T) {
					enc := encoder(t, line)
					buf, err := enc.EncodeEntry(zapcore.Entry{Message: "said"}, []zap.Field{field})
					if err != nil {
						t.Fatal(err)
					}
					checkClean(t, unescaped(buf.String()), tok)
					if !strings.Contains(buf.String(), "said") {
						t.Errorf("the line is gone: %s", buf)
					}
					with := enc.Clone()
					field.AddTo(with)
					if buf, err = with.EncodeEntry(zapcore.Entry{Message: "said"}, nil); err != nil {
						t.Fatal(err)
					}
					checkClean(t, unescaped(buf.String()), tok)
					if buf, err = with.Clone().EncodeEntry(zapcore.Entry{Message: "said"}, nil); err != nil {
						t.Fatal(err)
					}
					checkClean(t, unescaped(buf.String()), tok)
				})
			}
			t.Run(line+" "+form+" entry", func(t *testing.T) {
				buf, err := encoder(t, line).EncodeEntry(zapcore.Entry{Message: s, LoggerName: s, Stack: s, Caller: zapcore.NewEntryCaller(1, s, 1, true)}, nil)
				if err != nil {
					t.Fatal(err)
				}
				checkClean(t, unescaped(buf.String()), tok)
			})
		}
	}
}

// unescaped undoes percent-escapes, so that a token is found in any of them.
func unescaped(s string) string {
	for range 3 {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '%' && i+2 < len(s) {
				var c byte
				if _, err := fmt.Sscanf(s[i+1:i+3], "%02x", &c); err == nil {
					b.WriteByte(c)
					i += 2
					continue
				}
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	return s
}

// What the wrapped encoder writes stays as it is where there is no token, and
// JSON stays JSON where there was one.
func TestEncoderKeepsEverythingElse(t *testing.T) {
	tok := mint(t)
	plain := zap.String("uri", "/live/acme/cam/index.m3u8?a=%7e&_HLS_msn=7")
	for wrapped, line := range map[string]string{"json": "playgate", "console": "playgate console"} {
		want, err := encoder(t, wrapped).EncodeEntry(zapcore.Entry{Message: "said"}, []zap.Field{plain})
		if err != nil {
			t.Fatal(err)
		}
		got, err := encoder(t, line).EncodeEntry(zapcore.Entry{Message: "said"}, []zap.Field{plain})
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%s writes\n%s instead of\n%s", line, got, want)
		}
	}
	for form, s := range forms(tok) {
		buf, err := encoder(t, "playgate").EncodeEntry(zapcore.Entry{Message: "said"}, []zap.Field{zap.String("before", "1"), zap.String("uri", s), zap.String("after", "2")})
		if err != nil {
			t.Fatal(err)
		}
		var line map[string]any
		if err := json.Unmarshal(buf.Bytes(), &line); err != nil || line["before"] != "1" || line["after"] != "2" || !strings.HasSuffix(buf.String(), "}\n") {
			t.Errorf("%s: %v in %s", form, err, buf)
		}
		if uri, _ := line["uri"].(string); !strings.Contains(uri, "REDACTED") {
			t.Errorf("%s: nothing says that something is missing: %s", form, buf)
		}
	}
	buf, err := encoder(t, "playgate").EncodeEntry(zapcore.Entry{}, []zap.Field{zap.String("uri", "/live/acme/cam/index.m3u8?a=1&token="+tok+"&b=2")})
	if err != nil {
		t.Fatal(err)
	}
	if want := `"/live/acme/cam/index.m3u8?a=1&token=REDACTED&b=2"`; !strings.Contains(buf.String(), want) {
		t.Errorf("the line is %s, without %s", buf, want)
	}
}

// A value under a token's name is secret whatever it looks like, and so are
// the names that a gate has been told.
func TestValuesUnderATokensNameAreTakenOut(t *testing.T) {
	load(t, "log {\noutput discard\n}", "playgate {\nstream /live/{org}/{stream}/*\ntokens {\nquery ticket\n}\n}\nrespond media")
	stopAtEnd(t)
	for _, name := range []string{"token", "jwtoken", "ticket", "%74oken"} {
		buf, err := encoder(t, "playgate").EncodeEntry(zapcore.Entry{}, []zap.Field{zap.String("uri", "/x?a=1&"+name+"=s3cret-value&b=2")})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(buf.String(), "s3cret") || !strings.Contains(buf.String(), "b=2") {
			t.Errorf("%s: %s", name, buf)
		}
	}
}
