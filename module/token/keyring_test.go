package token

import (
	"errors"
	"strings"
	"testing"
)

func secretKey(id string, orgs ...string) *Key {
	k, err := NewKey(id, HS256, []byte(strings.Repeat("s", MinSecret)))
	if err != nil {
		panic(err)
	}
	k.Orgs = orgs
	return k
}

func TestLookupFindsTheOneKeyThatIsMeant(t *testing.T) {
	ed, err := GenerateKey("ed", EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	retired := secretKey("old")
	retired.State = Retired
	first, second := secretKey("same", "org1"), secretKey("same", "org2")
	all := []*Key{ed, secretKey("hs", "org1"), retired, first, second}
	tests := []struct {
		name           string
		keys           []*Key
		org, kid, algo string
		want           *Key // nil: unknown_key
	}{
		{"by kid", all, "org1", "ed", EdDSA, ed},
		{"by kid, whatever the header's algorithm", all, "org1", "ed", HS256, ed},
		{"by kid, for another organisation", all, "org2", "hs", HS256, nil},
		{"one kid for two organisations, the first", all, "org1", "same", HS256, first},
		{"one kid for two organisations, the second", all, "org2", "same", HS256, second},
		{"one kid for two organisations, a third", all, "org3", "same", HS256, nil},
		{"by a kid that is not there", all, "org1", "nobody", EdDSA, nil},
		{"by a kid in other case", all, "org1", "ED", EdDSA, nil},
		{"retired by kid", all, "org1", "old", HS256, nil},
		{"without kid, one candidate", all, "org1", "", EdDSA, ed},
		{"without kid, two candidates", all, "org1", "", HS256, nil},
		{"without kid, one candidate of this organisation", all, "org2", "", HS256, second},
		{"without kid, a retired one does not count", []*Key{retired, first}, "org1", "", HS256, first},
		{"without kid, only a retired one", []*Key{retired}, "org1", "", HS256, nil},
		{"without kid, no such algorithm", all, "org1", "", ES256, nil},
		{"without kid and algorithm", all, "org1", "", "", nil},
		{"no organisation", []*Key{first}, "", "same", HS256, nil},
		{"no keys", nil, "org1", "ed", EdDSA, nil},
		{"an empty list of organisations speaks for none", []*Key{{ID: "x", Algorithm: HS256, Orgs: []string{}}}, "org1", "x", HS256, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ring, err := NewKeyring(tt.keys...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ring.Lookup(tt.org, tt.kid, tt.algo)
			if got != tt.want || tt.want == nil != errors.Is(err, ErrUnknownKey) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
	var none *Keyring
	if k, err := none.Lookup("org1", "ed", EdDSA); k != nil || !errors.Is(err, ErrUnknownKey) {
		t.Errorf("nil keyring: %v, %v", k, err)
	}
	if none.Keys() != nil {
		t.Error("a nil keyring holds keys")
	}
}

func TestEveryStateButRetiredVerifies(t *testing.T) {
	for _, state := range States {
		k := secretKey("k")
		k.State = state
		ring, err := NewKeyring(k)
		if err != nil {
			t.Fatal(err)
		}
		for _, kid := range []string{"k", ""} {
			if _, err := ring.Lookup("org1", kid, HS256); (err == nil) != (state != Retired) {
				t.Errorf("%s, kid %q: %v", state, kid, err)
			}
		}
	}
}

func TestTwoKeysWithOneIDAreAnErrorWhereBothMaySpeak(t *testing.T) {
	tests := []struct {
		name  string
		a, b  *Key
		wrong bool
	}{
		{"both for all", secretKey("k"), secretKey("k"), true},
		{"one for all", secretKey("k"), secretKey("k", "org1"), true},
		{"the other for all", secretKey("k", "org1"), secretKey("k"), true},
		{"one organisation in common", secretKey("k", "org1", "org2"), secretKey("k", "org3", "org2"), true},
		{"nothing in common", secretKey("k", "org1"), secretKey("k", "org2"), false},
		{"other ids", secretKey("k"), secretKey("K"), false},
	}
	for _, tt := range tests {
		_, err := NewKeyring(tt.a, tt.b)
		if (err != nil) != tt.wrong {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && !strings.Contains(err.Error(), `"k"`) {
			t.Errorf("%s: %v does not name the key", tt.name, err)
		}
	}
}

func TestNarrowLeavesTheKeysThatAreNamed(t *testing.T) {
	ring, err := NewKeyring(secretKey("a", "org1"), secretKey("a", "org2"), secretKey("b"), secretKey("c"))
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := ring.Narrow("a", "b", "a")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(narrow.Keys()); n != 3 {
		t.Errorf("%d keys", n)
	}
	if _, err := narrow.Lookup("org1", "c", HS256); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a key that was not named: %v", err)
	}
	if _, err := narrow.Lookup("org2", "a", HS256); err != nil {
		t.Errorf("a key that was named: %v", err)
	}
	if _, err := ring.Narrow("a", "nobody"); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("a key that is not there: %v", err)
	}
}

func TestAKeyringDoesNotChangeByWhatItHandsOut(t *testing.T) {
	ring, err := NewKeyring(secretKey("a"))
	if err != nil {
		t.Fatal(err)
	}
	ring.Keys()[0] = nil
	if ring.Keys()[0] == nil {
		t.Error("the list is the keyring's own")
	}
}

func TestNewcomersNeverTakeThePlaceOfAKey(t *testing.T) {
	ring, err := NewKeyring(secretKey("a", "org1"), secretKey("b"))
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := ring.Lookup("org1", "a", HS256)
	all, behind := ring.With(secretKey("a"), secretKey("a", "org2"), secretKey("b", "org1"), secretKey("c"), secretKey("c"))
	if len(behind) != 4 || all.Len() != 7 || ring.Len() != 2 {
		t.Errorf("%d are behind others, %d are there, %d in the old set", len(behind), all.Len(), ring.Len())
	}
	if k, err := all.Lookup("org1", "a", HS256); err != nil || k != kept {
		t.Errorf("the key of org1 is now %v, %v", k, err)
	}
	if k, err := all.Lookup("org1", "", HS256); err == nil {
		t.Errorf("without kid: %v", k)
	}
	for org, id := range map[string]string{"org2": "a", "org9": "c"} {
		if _, err := all.Lookup(org, id, HS256); err != nil {
			t.Errorf("key %s of %s: %v", id, org, err)
		}
	}
	if none, behind := (*Keyring)(nil).With(secretKey("a")); none.Len() != 1 || behind != nil {
		t.Errorf("from nothing: %v, %v", none, behind)
	}
}

// madeKey is a key of its own material, in a state.
func madeKey(id string, state State, orgs ...string) *Key {
	k, err := GenerateKey(id, EdDSA)
	if err != nil {
		panic(err)
	}
	k.State, k.Orgs = state, orgs
	return k
}

// as is the same key in another state, for other organisations.
func as(k *Key, state State, orgs ...string) *Key {
	same := *k
	same.State, same.Orgs = state, orgs
	return &same
}

// A key that any source calls retired verifies from none, for the organisations that the
// source may speak for. A retired id with other material competes with nobody.
func TestRetiredKeys(t *testing.T) {
	k, other := madeKey("k", Active), madeKey("k", Verify)
	for _, tt := range []struct {
		name      string
		keys      []*Key
		one, two  *Key // found for org1 and for org2
		alsoNoKid bool
	}{
		{"not retired", []*Key{k}, k, k, true},
		{"retired by a later source", []*Key{k, as(k, Retired)}, nil, nil, true},
		{"retired by an earlier one", []*Key{as(k, Retired), k}, nil, nil, true},
		{"retired by one organisation", []*Key{k, as(k, Retired, "org1")}, nil, k, true},
		{"retired, and another after it", []*Key{k, as(k, Retired), other}, other, other, true},
		{"other material is retired", []*Key{k, as(other, Retired)}, k, k, true},
		{"other material is retired before", []*Key{as(other, Retired), k}, k, k, true},
		{"another is behind it", []*Key{k, other}, k, k, true},
		{"another is before it for one", []*Key{as(other, Verify, "org1"), k}, nil, k, false},
	} {
		ring, _ := (*Keyring)(nil).With(tt.keys...)
		for org, want := range map[string]*Key{"org1": tt.one, "org2": tt.two} {
			if tt.name == "another is before it for one" && org == "org1" {
				want = tt.keys[0]
			}
			for _, kid := range []string{"k", ""} {
				got, err := ring.Lookup(org, kid, EdDSA)
				if got != want || want == nil != errors.Is(err, ErrUnknownKey) {
					t.Errorf("%s: %q for %s: %v, %v", tt.name, kid, org, got, err)
				}
			}
			for _, key := range tt.keys {
				if ring.InUse(key, org) != (key == want) {
					t.Errorf("%s: %v for %s is in use: %v", tt.name, key, org, key != want)
				}
			}
		}
	}
	if _, err := NewKeyring(k, as(other, Retired)); err != nil {
		t.Errorf("a retired key of the same source clashes: %v", err)
	}
}
