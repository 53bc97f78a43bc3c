package token

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestTermsJudgeTimesToTheSecond(t *testing.T) {
	const (
		leeway = 5
		most   = 1000
		now    = int64(1_900_000_000)
	)
	terms := Terms{Max: most * time.Second, Leeway: leeway * time.Second}
	tests := []struct {
		name  string
		grant Grant
		want  error
	}{
		{"in order", Grant{Expires: now + 10}, nil},
		{"at exp", Grant{Expires: now}, nil},
		{"the last second of the leeway", Grant{Expires: now - leeway + 1}, nil},
		{"leeway over", Grant{Expires: now - leeway}, ErrExpired},
		{"long over", Grant{Expires: 0}, ErrExpired},

		{"at nbf", Grant{Expires: now + 10, NotBefore: now}, nil},
		{"nbf within the leeway", Grant{Expires: now + 10, NotBefore: now + leeway}, nil},
		{"nbf beyond the leeway", Grant{Expires: now + 10, NotBefore: now + leeway + 1}, ErrNotYetValid},
		{"iat within the leeway", Grant{Expires: now + 10, IssuedAt: now + leeway}, nil},
		{"iat beyond the leeway", Grant{Expires: now + 10, IssuedAt: now + leeway + 1}, ErrNotYetValid},

		{"the longest life from now", Grant{Expires: now + most}, nil},
		{"the longest life from now, leeway included", Grant{Expires: now + most + leeway}, nil},
		{"longer from now", Grant{Expires: now + most + leeway + 1}, ErrLifetime},
		{"the longest life from iat", Grant{Expires: now + 10, IssuedAt: now + 10 - most}, nil},
		{"a second longer from iat: no leeway", Grant{Expires: now + 10, IssuedAt: now + 10 - most - 1}, ErrLifetime},
		{"iat a little in the future, life too long by the leeway", Grant{Expires: now + leeway + most + 1, IssuedAt: now + leeway}, ErrLifetime},
		{"iat a little in the future, longest life", Grant{Expires: now + leeway + most, IssuedAt: now + leeway}, nil},
		{"pushed forward", Grant{Expires: now + most + 100, IssuedAt: now + 100}, ErrNotYetValid},

		{"the largest exp", Grant{Expires: 100_000_000_000}, ErrLifetime},
		{"the largest everything", Grant{Expires: 100_000_000_000, NotBefore: 100_000_000_000, IssuedAt: 100_000_000_000}, ErrNotYetValid},
		{"expired before not yet valid", Grant{Expires: now - 100, NotBefore: now + 100}, ErrExpired},
		{"not yet valid before lifetime", Grant{Expires: now + most + 100, NotBefore: now + 100}, ErrNotYetValid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, fraction := range []int64{0, 999_999_999} {
				err := terms.Check(&tt.grant, time.Unix(now, fraction))
				if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			}
		})
	}
}

func TestTermsWithoutLeeway(t *testing.T) {
	terms := Terms{Max: time.Hour}
	for at, want := range map[int64]error{99: ErrNotYetValid, 100: nil, 199: nil, 200: ErrExpired} {
		if err := terms.Check(&Grant{NotBefore: 100, Expires: 200}, time.Unix(at, 0)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("at %d: got %v, want %v", at, err, want)
		}
	}
}

func TestTheZeroTermsLetNothingPass(t *testing.T) {
	var zero Terms
	for _, exp := range []int64{0, 1, 1_899_999_999, 1_900_000_000, 1_900_000_001, 100_000_000_000} {
		for _, iat := range []int64{0, exp - 1} {
			if err := zero.Check(&Grant{Expires: exp, IssuedAt: iat}, time.Unix(1_900_000_000, 0)); err == nil {
				t.Errorf("exp %d, iat %d passes", exp, iat)
			}
		}
	}
}

// Whatever the clock says, nothing passes that is over, or too long.
func TestTermsHoldAtEveryTime(t *testing.T) {
	terms := Terms{Max: MaxLifetime, Leeway: MaxLeeway}
	edges := []int64{0, 1, 1_000_000_000, 1_900_000_000, math.MaxInt32, math.MaxUint32, 99_999_999_999, 100_000_000_000}
	for _, at := range append(edges, -1, -62_135_596_800) {
		for _, exp := range edges {
			for _, nbf := range edges {
				for _, iat := range edges {
					g := &Grant{Expires: exp, NotBefore: nbf, IssuedAt: iat}
					if terms.Check(g, time.Unix(at, 0)) != nil {
						continue
					}
					const leeway, most = 120, 365 * 24 * 3600
					if at >= exp+leeway || nbf > at+leeway || iat > at+leeway || exp-at > most+leeway {
						t.Errorf("at %d: %+v passes", at, *g)
					}
				}
			}
		}
	}
}

func TestTermsJudgeIssuerAndAudience(t *testing.T) {
	tests := []struct {
		name            string
		issuer          string
		audience        []string
		ofToken         string
		audienceOfToken []string
		want            bool
	}{
		{"nothing configured", "", nil, "", nil, true},
		{"nothing configured, both in the token", "", nil, "us", []string{"edge"}, true},
		{"right issuer", "us", nil, "us", nil, true},
		{"no issuer", "us", nil, "", nil, false},
		{"another issuer", "us", nil, "them", nil, false},
		{"issuer in other case", "us", nil, "US", nil, false},
		{"right audience", "", []string{"edge"}, "", []string{"edge"}, true},
		{"one of several", "", []string{"a", "edge"}, "", []string{"x", "edge"}, true},
		{"no audience", "", []string{"edge"}, "", nil, false},
		{"empty audience", "", []string{"edge"}, "", []string{}, false},
		{"an audience that is empty", "", []string{"edge"}, "", []string{""}, false},
		{"another audience", "", []string{"edge"}, "", []string{"edges"}, false},
		{"right issuer, no audience", "us", []string{"edge"}, "us", nil, false},
		{"right audience, no issuer", "us", []string{"edge"}, "", []string{"edge"}, false},
	}
	for _, tt := range tests {
		terms := Terms{Max: time.Hour, Issuer: tt.issuer, Audience: tt.audience}
		err := terms.Check(&Grant{Expires: 10, Issuer: tt.ofToken, Audience: tt.audienceOfToken}, time.Unix(1, 0))
		if (err == nil) != tt.want || err != nil && !errors.Is(err, ErrIssuer) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A key's own issuer and audience are asked in the place of those of all, each
// on its own.
func TestTermsOfAKey(t *testing.T) {
	terms := Terms{Max: time.Hour, Issuer: "us", Audience: []string{"edge"}}
	for _, tt := range []struct {
		key      Key
		issuer   string
		audience []string
		want     bool
	}{
		{Key{}, "us", []string{"edge"}, true},
		{Key{}, "them", []string{"edge"}, false},
		{Key{Issuer: "them"}, "them", []string{"edge"}, true},
		{Key{Issuer: "them"}, "us", []string{"edge"}, false},
		{Key{Issuer: "them"}, "", []string{"edge"}, false},
		{Key{Issuer: "them"}, "them", []string{"cdn"}, false},
		{Key{Audience: []string{"cdn", "ott"}}, "us", []string{"ott"}, true},
		{Key{Audience: []string{"cdn"}}, "us", []string{"edge"}, false},
		{Key{Audience: []string{"cdn"}}, "us", nil, false},
		{Key{Audience: []string{"cdn"}}, "them", []string{"cdn"}, false},
		{Key{Issuer: "them", Audience: []string{"cdn"}}, "them", []string{"cdn"}, true},
	} {
		err := terms.Check(&Grant{Expires: 10, Issuer: tt.issuer, Audience: tt.audience, Key: &tt.key}, time.Unix(1, 0))
		if (err == nil) != tt.want || err != nil && !errors.Is(err, ErrIssuer) {
			t.Errorf("issuer %q and audience %v under %q and %v: %v", tt.issuer, tt.audience, tt.key.Issuer, tt.key.Audience, err)
		}
	}
	own := Key{Issuer: "them"}
	if err := (&Terms{Max: time.Hour}).Check(&Grant{Expires: 10, Key: &own}, time.Unix(1, 0)); !errors.Is(err, ErrIssuer) {
		t.Errorf("an issuer of the key alone: %v", err)
	}
}

func TestAGrantPlaysItsOwnStreamsOnly(t *testing.T) {
	tests := []struct {
		grant  Grant
		stream string
		want   bool
	}{
		{Grant{Streams: []string{"cam1", "cam2"}}, "cam2", true},
		{Grant{Streams: []string{"cam1"}}, "cam", false},
		{Grant{Streams: []string{"cam1"}}, "cam11", false},
		{Grant{Streams: []string{"cam1"}}, "CAM1", false},
		{Grant{Streams: []string{"cam1"}}, "", false},
		{Grant{}, "cam1", false},
		{Grant{}, "", false},
		{Grant{OrgWide: true}, "cam1", true},
		{Grant{OrgWide: true}, "", false},
	}
	for _, tt := range tests {
		if tt.grant.MayPlay(tt.stream) != tt.want {
			t.Errorf("%+v, stream %q: %v", tt.grant, tt.stream, !tt.want)
		}
	}
}
