package jwt

import (
	"errors"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

// A time may have a fraction and an exponent, as any JSON number. The token is never
// valid for longer than it says.
func TestReadRoundsTimesToTheNarrowerSide(t *testing.T) {
	ring := mustRing(t, edKey)
	for value, want := range map[string][2]int64{ // rounded down, and up
		`1890000001`:                           {1890000001, 1890000001},
		`1890000001.0`:                         {1890000001, 1890000001},
		`1890000001.000000000`:                 {1890000001, 1890000001},
		`1890000001.5`:                         {1890000001, 1890000002},
		`1890000001.0000000000000000001`:       {1890000001, 1890000002},
		`1890000001.999999999999999999999`:     {1890000001, 1890000002},
		`1.890000001e9`:                        {1890000001, 1890000001},
		`1.8900000015E+09`:                     {1890000001, 1890000002},
		`189000000.1e1`:                        {1890000001, 1890000001},
		`1890000001000e-3`:                     {1890000001, 1890000001},
		`1890000001001e-3`:                     {1890000001, 1890000002},
		`1890000001e0`:                         {1890000001, 1890000001},
		`0.000000001890000001e18`:              {1890000001, 1890000001},
		`189e7`:                                {1890000000, 1890000000},
		`1` + strings.Repeat("0", 50) + `e-41`: {1000000000, 1000000000},
		`1e-64`:                                {0, 1},
		`0.5`:                                  {0, 1},
		`100000000000`:                         {100000000000, 100000000000},
		`99999999999.999`:                      {99999999999, 100000000000},
		`1e11`:                                 {100000000000, 100000000000},
	} {
		for at, claim := range []string{"exp", "nbf", "iat"} {
			claims := map[string]string{
				"exp": `{"org":"o","orgwide":true,"exp":` + value + `}`,
				"nbf": `{"org":"o","orgwide":true,"exp":99999999999,"nbf":` + value + `}`,
				"iat": `{"org":"o","orgwide":true,"exp":99999999999,"iat":` + value + `}`,
			}[claim]
			expected := want[min(at, 1)]
			g, err := Read(forge(t, goodHeader, claims, edKey), ring)
			if expected == 0 || at > 0 && expected >= 99999999999 {
				if !errors.Is(err, token.ErrMalformed) {
					t.Errorf("%s: got %v, want malformed_token", claims, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", claims, err)
				continue
			}
			if got := []int64{g.Expires, g.NotBefore, g.IssuedAt}[at]; got != expected {
				t.Errorf("%s: %d instead of %d", claims, got, expected)
			}
			if claim == "iat" && g.IssuedSecond() != want[0] {
				t.Errorf("%s: issued in second %d instead of %d", claims, g.IssuedSecond(), want[0])
			}
		}
	}
}

// Rounding moves the two ends together, never past each other.
func TestReadRefusesAnEndThatRoundingMakesTheBeginning(t *testing.T) {
	refuseAll(t, []badClaim{
		{"exp and nbf in one second", "nbf", `1899999999.1`},
		{"exp and iat in one second", "iat", `1899999999.9`},
	})
	ring := mustRing(t, edKey)
	for _, claims := range []string{
		`{"org":"o","orgwide":true,"exp":1900000000.9,"nbf":1900000000.1}`,
		`{"org":"o","orgwide":true,"exp":1900000000.9,"iat":1899999999.1}`,
	} {
		if _, err := Read(forge(t, goodHeader, claims, edKey), ring); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: got %v, want malformed_token", claims, err)
		}
	}
}

func TestReadSaysThatATimeIsInMilliseconds(t *testing.T) {
	for _, claim := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{"1890000000000", "1890000000000.5", "1.89e12", "100000000000.0000001", "100000000001", "253402300800", "9223372036854775808", "1e64"} {
			_, err := Parse(forge(t, goodHeader, with(claim, value), edKey))
			if err == nil || !strings.Contains(err.Error(), claim+" is in milliseconds") {
				t.Errorf("%s %s: got %v", claim, value, err)
			}
		}
	}
}

// Whatever the number, it is read in no time and without much memory.
func BenchmarkReadDate(b *testing.B) {
	for _, value := range []string{`1890000001`, `1.890000001e9`, `1890000001.` + strings.Repeat("9", 50)} {
		b.Run(value, func(b *testing.B) {
			b.ReportAllocs()
			var to int64
			for b.Loop() {
				if _, err := readDate("exp", []byte(value), false, &to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
