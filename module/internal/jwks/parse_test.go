package jwks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

// A set of all public kinds is taken as it is.
func TestParse(t *testing.T) {
	keys, ignored, err := Parse([]byte(set(
		jwk(t, "ed", token.EdDSA, true), jwk(t, "p256", token.ES256, true), jwk(t, "p384", token.ES384, true),
		jwk(t, "rs", token.RS256, true), jwk(t, "ps", token.PS256, true),
	)))
	if err != nil || len(ignored) > 0 {
		t.Fatal(ignored, err)
	}
	if got := fmt.Sprint(keys); got != "[ed (EdDSA, verify) p256 (ES256, verify) p384 (ES384, verify) rs (RS256, verify) ps (PS256, verify)]" {
		t.Error(got)
	}
	for _, k := range keys {
		if k.Orgs != nil || k.Private() != nil {
			t.Errorf("%v: organisations %v, private %v", k, k.Orgs, k.Private() != nil)
		}
	}
	keys, ignored, err = Parse([]byte(" {\"x\":1,\n\"keys\": [] } "))
	if err != nil || len(keys) != 0 || len(ignored) != 0 {
		t.Error("an empty set:", keys, ignored, err)
	}
}

// Identity providers leave out what they think goes without saying.
func TestParseTakesWhatIdentityProvidersPublish(t *testing.T) {
	swap := strings.NewReplacer
	ed, es, rs := jwk(t, "ed", token.EdDSA, true), jwk(t, "es", token.ES256, true), jwk(t, "rs", token.RS256, true)
	for name, tc := range map[string]struct{ key, want string }{
		"RSA without alg":        {swap(`"alg":"RS256",`, ``).Replace(rs), "rs (RS256, verify)"},
		"RSA without alg, ops":   {swap(`"alg":"RS256",`, ``, `{`, `{"key_ops":["verify"],`).Replace(rs), "rs (RS256, verify)"},
		"EC without alg and use": {swap(`"alg":"ES256",`, ``, `"use":"sig",`, ``).Replace(es), "es (ES256, verify)"},
		"Ed25519":                {swap(`"EdDSA"`, `"Ed25519"`).Replace(ed), "ed (EdDSA, verify)"},
	} {
		keys, ignored, err := Parse([]byte(set(tc.key)))
		if err != nil || len(ignored) > 0 || fmt.Sprint(keys) != "["+tc.want+"]" {
			t.Errorf("%s: %v, ignored %+v, %v", name, keys, ignored, err)
		}
	}
}

// What is no key set within the limits is refused as a whole.
func TestParseRefuses(t *testing.T) {
	ed := jwk(t, "ed", token.EdDSA, true)
	padded := func(n int) string {
		text := set(ed)
		return text + strings.Repeat(" ", n-len(text))
	}
	many := func(n int) string {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = strings.Replace(ed, `"ed"`, fmt.Sprintf(`"ed%d"`, i), 1)
		}
		return set(keys...)
	}
	for name, document := range map[string]string{"256 KiB": padded(MaxBytes), "64 keys": many(MaxKeys)} {
		if keys, ignored, err := Parse([]byte(document)); err != nil || len(keys) == 0 || len(ignored) > 0 {
			t.Errorf("%s: %d keys, %v, %v", name, len(keys), ignored, err)
		}
	}
	for name, tc := range map[string]struct{ document, says string }{
		"256 KiB and more":        {padded(MaxBytes + 1), "at most 262144 bytes"},
		"65 keys":                 {many(MaxKeys + 1), "at most 64 keys, not 65"},
		"nothing":                 {"", "not a JSON Web Key Set"},
		"text":                    {"<html>", "not a JSON Web Key Set"},
		"an array":                {"[" + ed + "]", "not a JSON Web Key Set"},
		"one key":                 {ed, "not a JSON Web Key Set"},
		"null":                    {"null", "not a JSON Web Key Set"},
		"no keys":                 {"{}", "not a JSON Web Key Set"},
		"keys are null":           {`{"keys":null}`, "not a JSON Web Key Set"},
		"keys are an object":      {`{"keys":{}}`, "not a JSON Web Key Set"},
		"keys in capitals":        {`{"Keys":[` + ed + `]}`, "not a JSON Web Key Set"},
		"keys twice":              {`{"keys":[` + ed + `],"keys":[]}`, "not a JSON Web Key Set"},
		"a member of a key twice": {strings.Replace(set(ed), `"kid":"ed"`, `"kid":"ed","kid":"ed"`, 1), "not a JSON Web Key Set"},
		"something behind it":     {set(ed) + "{}", "not a JSON Web Key Set"},
		"cut":                     {set(ed)[:40], "not a JSON Web Key Set"},
		"invalid UTF-8":           {set(ed, `{"x":"`+"\xff"+`"}`), "not a JSON Web Key Set"},
		"a byte order mark":       {"\ufeff" + set(ed), "not a JSON Web Key Set"},
	} {
		keys, ignored, err := Parse([]byte(tc.document))
		if err == nil || !strings.Contains(err.Error(), tc.says) || keys != nil || ignored != nil {
			t.Errorf("%s: %d keys, %v, %v", name, len(keys), ignored, err)
		}
	}
}

// A key that cannot be used is left out, the others stay, and what is said of
// it names no material.
func TestParseIgnores(t *testing.T) {
	ed, es, rs := jwk(t, "ed", token.EdDSA, true), jwk(t, "es", token.ES256, true), jwk(t, "rs", token.RS256, true)
	swap := strings.NewReplacer
	for name, tc := range map[string]struct{ key, id, says string }{
		"no id":                {swap(`"kid":"es",`, ``).Replace(es), "", "it has no id"},
		"an empty id":          {swap(`"es"`, `""`).Replace(es), "", "it has no id"},
		"an id with a slash":   {swap(`"es"`, `"a/b"`).Replace(es), "", "letters, digits"},
		"an id too long":       {swap(`"es"`, `"`+strings.Repeat("a", 65)+`"`).Replace(es), "", "letters, digits"},
		"an id as a number":    {swap(`"es"`, `7`).Replace(es), "", "cannot be read"},
		"ID in capitals":       {swap(`"kid"`, `"KID"`).Replace(es), "", "it has no id"},
		"a secret":             {jwk(t, "oct", token.HS256, false), "oct", "shared secret"},
		"a secret called EC":   {swap(`"kty":"oct"`, `"kty":"EC"`).Replace(jwk(t, "oct", token.HS256, false)), "oct", "shared secret"},
		"a private Ed25519":    {jwk(t, "ed2", token.EdDSA, false), "ed2", "private key"},
		"a private EC key":     {jwk(t, "es", token.ES256, false), "es", "private key"},
		"a private RSA key":    {jwk(t, "rs", token.RS256, false), "rs", "private key"},
		"for encryption":       {swap(`"sig"`, `"enc"`).Replace(es), "es", "not for signatures"},
		"for signing only":     {swap(`"use":"sig"`, `"key_ops":["sign"]`).Replace(es), "es", "not for verifying"},
		"for nothing":          {swap(`"use":"sig"`, `"key_ops":[]`).Replace(es), "es", "key_ops"},
		"operations null":      {swap(`"use":"sig"`, `"key_ops":null`).Replace(es), "es", "key_ops"},
		"an operation twice":   {swap(`"use":"sig"`, `"key_ops":["verify","verify"]`).Replace(es), "es", "twice"},
		"an operation empty":   {swap(`"use":"sig"`, `"key_ops":[""]`).Replace(es), "es", "not for verifying"},
		"operations a string":  {swap(`"use":"sig"`, `"key_ops":"verify"`).Replace(es), "es", "key_ops"},
		"an empty use":         {swap(`"sig"`, `""`).Replace(es), "es", "not for signatures"},
		"use null":             {swap(`"sig"`, `null`).Replace(es), "es", "not for signatures"},
		"use in capitals":      {swap(`"sig"`, `"SIG"`).Replace(es), "es", "not for signatures"},
		"use of two":           {swap(`"sig"`, `["sig"]`).Replace(es), "es", "JSON Web Key"},
		"an empty alg":         {swap(`"ES256"`, `""`).Replace(es), "es", "alg"},
		"alg null":             {swap(`"ES256"`, `null`).Replace(es), "es", "alg"},
		"RSA, an empty alg":    {swap(`"RS256"`, `""`).Replace(rs), "rs", "alg"},
		"RSA without alg, use": {swap(`"alg":"RS256"`, `"a":1`, `"use":"sig"`, `"b":1`).Replace(rs), "rs", "RS256 or PS256"},
		"RSA without alg, ops": {swap(`"alg":"RS256"`, `"a":1`, `"use":"sig"`, `"key_ops":["verify"]`).Replace(rs), "rs", "RS256 or PS256"},
		"RSA for encryption":   {swap(`"alg":"RS256",`, ``, `"sig"`, `"enc"`).Replace(rs), "rs", "not for signatures"},
		"RSA as Ed25519":       {swap(`"RS256"`, `"Ed25519"`).Replace(rs), "rs", "not of the kind"},
		"Ed448":                {swap(`"ES256"`, `"Ed448"`).Replace(es), "es", "not supported"},
		"weak RSA":             {weak(t), "weak", "at least 2048 bits"},
		"RSA as HS256":         {swap(`"RS256"`, `"HS256"`).Replace(rs), "rs", "not of the kind"},
		"RSA as EdDSA":         {swap(`"RS256"`, `"EdDSA"`).Replace(rs), "rs", "not of the kind"},
		"P-256 as ES384":       {swap(`"ES256"`, `"ES384"`).Replace(es), "es", "not of the kind"},
		"RS512":                {swap(`"RS256"`, `"RS512"`).Replace(rs), "rs", "not supported"},
		"none":                 {swap(`"ES256"`, `"none"`).Replace(es), "es", "not supported"},
		"RSA-OAEP":             {swap(`"RS256"`, `"RSA-OAEP"`).Replace(rs), "rs", "not supported"},
		"X25519":               {`{"kty":"OKP","crv":"X25519","kid":"x","x":"` + strings.Repeat("A", 43) + `"}`, "x", "JSON Web Key"},
		"secp256k1":            {`{"kty":"EC","crv":"secp256k1","kid":"x","x":"AA","y":"AA"}`, "x", "JSON Web Key"},
		"off the curve":        {`{"kty":"EC","crv":"P-256","kid":"x","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("B", 42) + `A"}`, "x", "JSON Web Key"},
		"kind unknown":         {`{"kty":"new","kid":"x"}`, "x", "JSON Web Key"},
		"no kind":              {`{"kid":"x"}`, "x", "JSON Web Key"},
		"an odd certificate":   {swap(`"use"`, `"x5c":["AAAA"],"use"`).Replace(es), "es", "JSON Web Key"},
		"the same id":          {strings.Replace(es, `"es"`, `"ed"`, 1), "ed", "the same id"},
		"the same key":         {ed, "ed", "the same id"},
		"a string":             {`"key"`, "", "cannot be read"},
		"null":                 {`null`, "", "it has no id"},
		"an array":             {`[]`, "", "cannot be read"},
		"numbers for strings":  {`{"kty":1,"kid":"x"}`, "", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, ignored, err := Parse([]byte(set(ed, tc.key, jwk(t, "last", token.EdDSA, true))))
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(keys); got != "ed last" {
				t.Errorf("the keys are %q", got)
			}
			if len(ignored) != 1 || ignored[0].Position != 2 || ignored[0].ID != tc.id || !strings.Contains(ignored[0].Why, tc.says) {
				t.Fatalf("ignored: %+v, not %q because %q", ignored, tc.id, tc.says)
			}
			for part := range strings.FieldsFuncSeq(tc.key, func(r rune) bool { return strings.ContainsRune(`{}[]":,`, r) }) {
				if len(part) > 20 && strings.Contains(fmt.Sprint(ignored), part) {
					t.Errorf("%v tells %s", ignored, part)
				}
			}
		})
	}
}
