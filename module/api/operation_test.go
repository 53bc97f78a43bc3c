package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/registry"
)

// local is the API for code of this process.
func (s *fixture) local() *Local { return NewLocal(func() *app.App { return s.app }) }

// Code of this process gets the answers and the refusals that a request over HTTP
// gets.
func TestCallIsAsOverHTTP(t *testing.T) {
	s := newTestAPI(t, "")
	on := s.local()
	who := map[registry.Role]Principal{}
	for _, role := range []registry.Role{registry.Read, registry.Issue, registry.Admin} {
		who[role] = Principal{Name: "test", Role: role, Orgs: []string{"acme"}}
	}
	long := strings.Repeat("x", 1025)
	secure, text := "no", "x"
	for name, tt := range map[string]struct {
		role         registry.Role
		method, path string
		body         any
		call         func(Principal) (any, error)
	}{
		"a list":               {registry.Read, "GET", "tokens", nil, asking(t, on, ListTokens, &types.ListTokens{})},
		"a filter":             {registry.Read, "GET", "tokens?org=acme&stream=cam&sort=expires&limit=1", nil, asking(t, on, ListTokens, &types.ListTokens{Page: types.Page{Limit: 1}, Org: "acme", Stream: "cam", Sort: "expires"})},
		"another organisation": {registry.Read, "GET", "tokens?org=zebra", nil, asking(t, on, ListTokens, &types.ListTokens{Org: "zebra"})},
		"an enum and a number": {registry.Read, "GET", "tokens?status=gone&sort=x&limit=501", nil, asking(t, on, ListTokens, &types.ListTokens{Page: types.Page{Limit: 501}, Status: "gone", Sort: "x"})},
		"a negative number":    {registry.Read, "GET", "streams?limit=-1", nil, asking(t, on, ListStreams, &types.ListStreams{Page: types.Page{Limit: -1}})},
		"a length":             {registry.Read, "GET", "streams?cursor=" + long, nil, asking(t, on, ListStreams, &types.ListStreams{Page: types.Page{Cursor: long}})},
		"a cursor":             {registry.Read, "GET", "revocations?cursor=x", nil, asking(t, on, ListRevocations, &types.ListRevocations{Page: types.Page{Cursor: "x"}})},
		"a name":               {registry.Read, "GET", "tokens/acme-id", nil, asking(t, on, GetToken, &types.TokenPath{ID: "acme-id"})},
		"a name with a slash":  {registry.Read, "GET", "tokens/a%2Fb", nil, asking(t, on, GetToken, &types.TokenPath{ID: "a/b"})},
		"no path, no rights":   {registry.Read, "DELETE", "tokens/", nil, asking(t, on, RevokeToken, &types.RevokeToken{})},
		"no path either":       {registry.Issue, "DELETE", "tokens/..", nil, asking(t, on, RevokeToken, &types.RevokeToken{TokenPath: types.TokenPath{ID: ".."}})},
		"no rights":            {registry.Issue, "POST", "streams", types.NewStream{Org: "acme"}, asking(t, on, CreateStream, body(types.NewStream{Org: "acme"}))},
		"rights for all":       {registry.Admin, "POST", "orgs", types.NewOrg{Org: "fresh"}, asking(t, on, CreateOrg, body(types.NewOrg{Org: "fresh"}))},
		"a member":             {registry.Admin, "PATCH", "orgs/acme", types.OrgChange{Secure: &secure}, asking(t, on, ChangeOrg, &types.ChangeOrg{OrgPath: types.OrgPath{Org: "acme"}, Body: types.OrgChange{Secure: &secure}})},
		"a role":               {registry.Admin, "POST", "apikeys", types.NewAPIKey{Role: "x", Orgs: []string{"acme"}}, asking(t, on, CreateAPIKey, body(types.NewAPIKey{Role: "x", Orgs: []string{"acme"}}))},
		"too many items":       {registry.Admin, "POST", "streams", types.NewStream{Org: "acme", Stream: "s", Tags: slices.Repeat([]string{"x"}, 33)}, asking(t, on, CreateStream, body(types.NewStream{Org: "acme", Stream: "s", Tags: slices.Repeat([]string{"x"}, 33)}))},
		"both":                 {registry.Admin, "PATCH", "streams/acme/cam", types.StreamChange{Title: &text}, asking(t, on, ChangeStream, &types.ChangeStream{StreamPath: types.StreamPath{OrgPath: types.OrgPath{Org: "acme"}, Stream: "cam"}, Body: types.StreamChange{Title: &text}})},
		"too long a body":      {registry.Issue, "POST", "tokens/check", types.NewToken{Org: "acme", Tag: strings.Repeat("<", maxBody/6)}, asking(t, on, CheckToken, body(types.NewToken{Org: "acme", Tag: strings.Repeat("<", maxBody/6)}))},
		"no UTF-8":             {registry.Issue, "POST", "tokens/check", types.NewToken{Org: "acme", OrgWide: true, Tag: "\xff"}, asking(t, on, CheckToken, body(types.NewToken{Org: "acme", OrgWide: true, Tag: "\xff"}))},
		"an optional body":     {registry.Admin, "POST", "keys/none/retire?org=acme", nil, asking(t, on, RetireKey, &types.RetireKey{ID: "none", Org: "acme"})},
	} {
		var sent []byte
		if tt.body != nil {
			var err error
			if sent, err = json.Marshal(tt.body); err != nil {
				t.Fatal(err)
			}
		}
		over := s.do(s.key(tt.role, "acme"), tt.method, "/api/v1/"+tt.path, string(sent))
		out, err := tt.call(who[tt.role])
		status := http.StatusOK
		if err != nil {
			problem, ok := errors.AsType[*Problem](err)
			if !ok {
				t.Fatalf("%s: %v is no problem", name, err)
			}
			out, status = problem, problem.Status
		}
		var text bytes.Buffer
		if err := huma.DefaultJSONFormat.Marshal(&text, out); err != nil {
			t.Fatal(err)
		}
		if over.Code != status || !bytes.Equal(over.Body.Bytes(), text.Bytes()) {
			t.Errorf("%s: %d %s\nand over HTTP %d %s", name, status, &text, over.Code, over.Body)
		}
	}
}

func body[T any](b T) *types.Body[T] { return &types.Body[T]{Body: b} }

// asking calls an operation, and checks that its input stays as it is.
func asking[I, O any](t *testing.T, on *Local, what *Operation[I, O], in *I) func(Principal) (any, error) {
	return func(who Principal) (any, error) {
		t.Helper()
		was := fmt.Sprintf("%+v", *in)
		out, err := what.Call(t.Context(), on, who, in)
		if now := fmt.Sprintf("%+v", *in); now != was {
			t.Errorf("the input was %s, and is %s", was, now)
		}
		return out, err
	}
}

// Where there is nobody to ask, code of this process gets no answer either.
func TestCallWithoutApp(t *testing.T) {
	on := NewLocal(func() *app.App { return nil })
	_, err := ListOrgs.Call(t.Context(), on, Principal{Role: registry.Admin}, new(types.Nothing))
	if problem, ok := errors.AsType[*Problem](err); !ok || problem.Status != http.StatusServiceUnavailable {
		t.Error(err)
	}
}

// Tokens that are revoked together leave the same audit entries, in the same
// order, as those that are revoked one by one.
func TestRevokeChosenTokens(t *testing.T) {
	s := newTestAPI(t, "")
	on, who := s.local(), Principal{Name: "test", Role: registry.Issue, Orgs: []string{"acme"}}
	chosen := []types.TokenPath{{ID: "acme-id", Org: "acme"}, {ID: "shared", Org: "acme"}}
	revoked := func(n int) (list []string) {
		t.Helper()
		events, err := s.app.Registry().Audit.Events(t.Context(), "acme", n)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			delete(e.Detail, "id") // each has its own
			if e.What == "revoke" {
				list = append(list, fmt.Sprint(e.By, e.Org, e.What, e.Detail))
			}
		}
		return list
	}
	undo := func() {
		t.Helper()
		for _, p := range chosen {
			for _, c := range s.app.Registry().Revocations.OfToken(p.Org, p.ID) {
				if err := s.app.Registry().Revocations.Undo(t.Context(), c.Org, c.ID, "test"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, p := range chosen {
		if _, err := RevokeToken.Call(t.Context(), on, who, &types.RevokeToken{TokenPath: p, Reason: "why"}); err != nil {
			t.Fatal(err)
		}
	}
	single := revoked(2)
	undo()
	if _, err := RevokeChosenTokens.Call(t.Context(), on, who, &ChosenTokens{Tokens: chosen, Reason: "why"}); err != nil {
		t.Fatal(err)
	}
	if all := revoked(500); len(all) != 4 || !reflect.DeepEqual(all[:2], single) || !reflect.DeepEqual(all[2:], single) || !strings.Contains(single[0], "shared") {
		t.Errorf("%q instead of twice %q", all, single)
	}
	// The first that cannot be revoked ends it.
	for id, status := range map[string]int{"none": http.StatusNotFound, "..": http.StatusNotFound} {
		for role, status := range map[registry.Role]int{registry.Issue: status, registry.Read: http.StatusForbidden} {
			undo()
			before := revoked(500)
			_, err := RevokeChosenTokens.Call(t.Context(), on, Principal{Name: "test", Role: role, Orgs: []string{"acme"}}, &ChosenTokens{Tokens: []types.TokenPath{chosen[0], {ID: id, Org: "acme"}, chosen[1]}})
			if problem, ok := errors.AsType[*Problem](err); !ok || problem.Status != status {
				t.Errorf("%s as %s: %v", id, role, err)
			}
			done := len(revoked(500)) - len(before)
			if role == registry.Issue && done != 1 || role == registry.Read && done != 0 {
				t.Errorf("%s as %s: %d are revoked", id, role, done)
			}
		}
	}
	// They are shown in their order, or not at all.
	undo()
	if _, err := RevokeChosenTokens.Call(t.Context(), on, who, &ChosenTokens{Tokens: chosen}); err != nil {
		t.Fatal(err)
	}
	out, err := GetChosenTokens.Call(t.Context(), on, who, &ChosenTokens{Tokens: chosen})
	if err != nil || len(out.Tokens) != 2 || out.Tokens[0].ID != "acme-id" || out.Tokens[1].ID != "shared" || out.Tokens[0].Status != "revoked" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := GetChosenTokens.Call(t.Context(), on, who, &ChosenTokens{Tokens: []types.TokenPath{chosen[0], {ID: "acme-id", Org: "zebra"}}}); err == nil {
		t.Error("a token of another organisation is shown")
	}
}
