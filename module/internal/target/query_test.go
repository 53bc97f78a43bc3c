package target

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// tokenName takes whatever has one of these names for a token.
func tokenName(name, _ string) bool { return name == "token" || name == "jwtoken" }

func mustQuery(tb testing.TB, raw string) Query {
	tb.Helper()
	q, err := ParseQuery(raw, tokenName)
	if err != nil {
		tb.Fatalf("%q: %v", raw, err)
	}
	return q
}

func TestParseQueryReadsPairsInOrder(t *testing.T) {
	tests := []struct {
		raw  string
		want []Pair
	}{
		{"", nil},
		{"a", []Pair{{"a", "", "a", false, false}}},
		{"a=", []Pair{{"a", "", "a=", false, false}}},
		{"=a", []Pair{{"", "a", "=a", false, false}}},
		{"a=1&b=2&a=3", []Pair{{"a", "1", "a=1", false, false}, {"b", "2", "b=2", false, false}, {"a", "3", "a=3", false, false}}},
		{"a=b=c", []Pair{{"a", "b=c", "a=b=c", false, false}}},
		{"a&&b&", []Pair{{"a", "", "a", false, false}, {"", "", "", false, false}, {"b", "", "b", false, false}, {"", "", "", false, false}}},
		{"url=rtmp%3A%2F%2Fx%2Fy", []Pair{{"url", "rtmp://x/y", "url=rtmp%3A%2F%2Fx%2Fy", true, false}}},
		{"to%6ben=a+b", []Pair{{"token", "a b", "to%6ben=a+b", true, true}}},
		{"a=%00%ff%25%23%3b", []Pair{{"a", "\x00\xff%#;", "a=%00%ff%25%23%3b", true, false}}},
		{"a[]=1&b=<\"'>é", []Pair{{"a[]", "1", "a[]=1", false, false}, {"b", "<\"'>é", "b=<\"'>é", false, false}}},
		{"a=/../?x", []Pair{{"a", "/../?x", "a=/../?x", false, false}}},
		{"_HLS_msn=1&_HLS_part=2", []Pair{{"_HLS_msn", "1", "_HLS_msn=1", false, false}, {"_HLS_part", "2", "_HLS_part=2", false, false}}},
	}
	for _, tt := range tests {
		q := mustQuery(t, tt.raw)
		if !slices.Equal(q.Pairs(), tt.want) {
			t.Errorf("%q: got %+v, want %+v", tt.raw, q.Pairs(), tt.want)
		}
		if q.Raw() != tt.raw {
			t.Errorf("%q has become %q", tt.raw, q.Raw())
		}
	}
}

func TestParseQueryRefusesWhatReadsInTwoWays(t *testing.T) {
	for _, raw := range []string{
		"a;b", "a=1;b=2", ";", "a=b;", "a#b", "#", "a=1#", "a=%", "a=%2", "a=%zz", "%=1", "%2=1", "a%g0=1", "a=%u0041", "a=1&b=%",
		"a b", "a=b c", "a=\t", "a=\n", "a=\r\nX: y", "a=\x00", "a=\x7f", "\x01",
		strings.Repeat("a&", 1000) + "a", strings.Repeat("&", 1000), strings.Repeat("a=1&", 10_000),
	} {
		if _, err := ParseQuery(raw, nil); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%.40q: got %v, want bad_request", raw, err)
		}
	}
	if q := mustQuery(t, strings.Repeat("a&", 999)+"a"); len(q.Pairs()) != 1000 {
		t.Errorf("%d pairs", len(q.Pairs()))
	}
}

func TestSingleComparesDecodedNamesCaseSensitively(t *testing.T) {
	q := mustQuery(t, "stream=a&Stream=b&str%65am=c&x=1&stream[]=d&stream%00=e")
	for name, want := range map[string]struct {
		value string
		n     int
	}{"stream": {"a", 2}, "Stream": {"b", 1}, "x": {"1", 1}, "str%65am": {"", 0}, "nothing": {"", 0}, "": {"", 0}} {
		if p, n := q.Single(name); p.Value != want.value || n != want.n {
			t.Errorf("%q: %+v, %d", name, p, n)
		}
	}
}

func TestWithoutTokensLeavesAllOtherBytesAsTheyAre(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"", ""},
		{"a=1", "a=1"},
		{"token=x", ""},
		{"token=x&a=1", "a=1"},
		{"a=1&token=x", "a=1"},
		{"a=1&token=x&b=2", "a=1&b=2"},
		{"token=x&token=y", ""},
		{"to%6ben=x&a=%2f+%2F", "a=%2f+%2F"},
		{"a&&token=x&&b=&", "a&&&b=&"},
		{"&token=x", ""},
		{"token=x&", ""},
		{"token=x&&", "&"},
		{"token=x&jwtoken=y&", ""},
		{"&token=x&jwtoken=y&&", "&&"},
		{"token&a", "a"},
		{"Token=x&tokens=y&xtoken=z", "Token=x&tokens=y&xtoken=z"},
		{"a=é&token=x&b=\xff", "a=é&b=\xff"},
	}
	for _, tt := range tests {
		q := mustQuery(t, tt.raw)
		if got := q.WithoutTokens(); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.raw, got, tt.want)
		}
		if q.Raw() != tt.raw {
			t.Errorf("%q has become %q", tt.raw, q.Raw())
		}
	}
}
