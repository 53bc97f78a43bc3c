package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token/jwt"
)

// Clients that were written for nanocosmos find its JWT API here: its names,
// answers and error codes. Every request is translated into one of our own.
// What has no equivalent is an error, never left out.

const splayPath = "/api/v1/splay"

func isSplay(path string) bool { return path == splayPath || strings.HasPrefix(path, splayPath+"/") }

// Error codes of nanocosmos.
const (
	splayParameter = 1000
	splayAPIKey    = 1001
	splayToken     = 1002
	splayMalformed = 2004
	splayNotKnown  = 2011
	splayForeign   = 2012
)

// splayError is a refusal in that form.
type splayError struct {
	status, code int
	message      string
}

func (e *splayError) Error() string { return e.message }

func parameter(name, text string) error {
	return &splayError{http.StatusBadRequest, splayParameter, "Parameter " + name + ": " + text}
}

type splayIn struct {
	RawBody []byte `contentType:"application/json"`
}

// splaySchema describes a body that is read by hand, because its mistakes are
// told in another form.
func splaySchema[T any](s *server) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

type splayOut struct {
	Status int
	Body   types.SplayAnswer
}

func (s *server) splay() {
	add := func(n need, status int, id, path, summary string, body *huma.Schema, handle func(context.Context, *call, []byte) (string, error)) {
		gated(s, n, huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, DefaultStatus: status, Tags: []string{"nanocosmos"}, Summary: summary,
			Security:         []map[string][]string{{"apikey": {}}, {"bintu": {}}},
			RequestBody:      &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: body}}},
			SkipValidateBody: true,
		}, writeSplay, func(ctx context.Context, c *call, in *splayIn) (*splayOut, error) {
			token, err := handle(ctx, c, in.RawBody)
			if err != nil {
				status, answer := splayRefusal(err)
				return &splayOut{status, answer}, nil
			}
			return &splayOut{status, types.SplayAnswer{Success: true, Data: &types.SplayData{Token: token}}}, nil
		})
	}
	add(toIssue, http.StatusOK, "splay", splayPath, "Makes a token, as nanocosmos does", splaySchema[types.SplayToken](s), splayCreate)
	add(toRead, http.StatusOK, "splay-verify", splayPath+"/verify", "Verifies a token, as nanocosmos does", splaySchema[types.SplayVerify](s), splayVerify)
	add(toIssue, http.StatusNoContent, "splay-revoke", splayPath+"/revoke", "Revokes a token, as nanocosmos does", splaySchema[types.SplayRevoke](s), splayRevoke)
}

// splayRefusal is the answer to a request that failed.
func splayRefusal(err error) (int, types.SplayAnswer) {
	var own *splayError
	var field *issue.Error
	switch {
	case errors.As(err, &own):
	case errors.As(err, &field):
		name, ok := map[string]string{"referer": "domain", "expires": "exp", "not_before": "nbf"}[field.Field]
		if !ok {
			name = field.Field
		}
		errors.As(parameter(name, field.Advice()), &own)
	default:
		p := problemOf(err)
		own = &splayError{status: p.Status, message: p.Detail}
		switch p.Status {
		case http.StatusUnauthorized:
			*own = splayError{http.StatusForbidden, splayAPIKey, "Provided APIKey is not valid"}
		case http.StatusForbidden:
			*own = splayError{http.StatusForbidden, splayAPIKey, "Provided APIKey does not allow this"}
		case http.StatusUnprocessableEntity:
			*own = splayError{http.StatusBadRequest, splayParameter, p.Detail}
		}
	}
	return own.status, types.SplayAnswer{ErrorCode: own.code, Message: own.message}
}

// writeSplay writes the refusal of who is not known, or has not the rights.
func writeSplay(p *Problem, w http.ResponseWriter) {
	status, answer := splayRefusal(p)
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client has gone
}

// readSplay reads a body, in the one way that it can be read.
func readSplay(body []byte, v any) error {
	if jsonv2.Unmarshal(body, v, jsonv2.RejectUnknownMembers(true)) != nil {
		return &splayError{http.StatusBadRequest, splayParameter, "Parameters are not as they have to be: look for syntax, names that are not known here, and values of another kind"}
	}
	return nil
}

func splayCreate(ctx context.Context, c *call, body []byte) (string, error) {
	var b types.SplayToken
	if err := readSplay(body, &b); err != nil {
		return "", err
	}
	if len(c.Orgs) != 1 {
		return "", &splayError{http.StatusBadRequest, splayParameter, "the API key must be for exactly one organisation, whose tokens these are; make such a one (playgate apikey create)"}
	}
	r, err := requestOf(&b)
	if err != nil {
		return "", err
	}
	if directive.CheckValues(body, "domain") != nil {
		return "", &splayError{http.StatusBadRequest, splayParameter, "Parameters have no empty values; leave out what is not meant"}
	}
	r.Org = c.Orgs[0]
	issued, _, err := issuing{c}.issue(ctx, r)
	if err != nil {
		return "", err
	}
	return issued.Token, nil
}

// requestOf is the same in our own terms.
func requestOf(b *types.SplayToken) (r issue.Request, err error) {
	yes := func(b *bool) bool { return b != nil && *b }
	switch {
	case b.GroupID != nil:
		return r, parameter("groupid", "there are no groups here; name the streams, or use orgawide")
	case b.Cust != nil:
		return r, parameter("cust", "it is not supported yet; leave it out")
	case yes(b.OrgaWide) == (len(b.Streams) > 0):
		return r, &splayError{http.StatusBadRequest, splayParameter, "Parameter required: exactly one of streams and orgawide"}
	}
	r = issue.Request{Streams: b.Streams, OrgWide: yes(b.OrgaWide), Tag: b.Tag, User: b.User}
	if b.Domain != nil {
		r.Referers = []string{*b.Domain}
	}
	if r.IPs, err = addresses(b.IP); err != nil {
		return r, err
	}
	if r.NotBefore, err = seconds("nbf", b.NBF); err != nil {
		return r, err
	}
	r.Expires, err = seconds("exp", b.Exp)
	return r, err
}

// addresses are one address or several.
func addresses(v jsontext.Value) (list []string, err error) {
	if v == nil {
		return nil, nil
	}
	var one string
	if jsonv2.Unmarshal(v, &one) == nil && v.Kind() == '"' {
		return []string{one}, nil
	}
	if jsonv2.Unmarshal(v, &list) != nil || len(list) < 1 || len(list) > 10 {
		return nil, parameter("ip", "write an address or prefix, or an array of 1 to 10 of them")
	}
	return list, nil
}

// seconds is a time; nil means that nobody said one.
func seconds(name string, at *int64) (time.Time, error) {
	switch {
	case at == nil:
		return time.Time{}, nil
	case *at <= 0 || *at > 1<<40:
		return time.Time{}, parameter(name, "write seconds since 1970")
	}
	return time.Unix(*at, 0), nil
}

func splayVerify(ctx context.Context, c *call, body []byte) (string, error) {
	var b types.SplayVerify
	if err := readSplay(body, &b); err != nil {
		return "", err
	}
	if b.Token == "" || strings.Contains(b.Token, "/") {
		return "", &splayError{http.StatusBadRequest, splayParameter, "Parameter required: token"}
	}
	answer, err := explain(ctx, c, issue.Question{Text: b.Token, At: c.now})
	if err != nil {
		return "", err
	}
	if answer.Allowed {
		return b.Token, nil
	}
	message := cmp.Or(map[access.Reason]string{
		access.MalformedToken: "jwt malformed", access.UnknownKey: "invalid signature", access.Expired: "jwt expired", access.NotYetValid: "jwt not active",
	}[access.Reason(answer.Reason)], "jwt not accepted: "+answer.Reason)
	return "", &splayError{http.StatusForbidden, splayToken, message}
}

// splayRevoke revokes a token by its id, or by the hash that stands for one. It
// returns no token: the answer is empty.
func splayRevoke(ctx context.Context, c *call, body []byte) (string, error) {
	var b types.SplayRevoke
	if err := readSplay(body, &b); err != nil {
		return "", err
	}
	if b.Token == "" {
		return "", &splayError{http.StatusBadRequest, splayParameter, "Parameter required: token"}
	}
	u, err := jwt.Parse(b.Token)
	if err != nil {
		return "", &splayError{http.StatusBadRequest, splayMalformed, "Malformed JWT"}
	}
	// Whose it is comes before whether its signature holds: nothing can be learned
	// about others.
	if !c.owns(u.Grant.Org) {
		return "", &splayError{http.StatusBadRequest, splayForeign, "The token is of another organisation"}
	}
	// Without a signature that holds, anybody could fill the registry with ids.
	// Whether the token is valid now is not asked.
	g, err := u.Verify(c.app.Trust().Keys)
	if err != nil {
		return "", &splayError{http.StatusBadRequest, splayNotKnown, "The token is not allowed for revocation"}
	}
	return "", c.registry.Revocations.Add(ctx, &registry.Condition{Org: g.Org, Kind: "token", Value: g.ID}, g.ExpiresAt(), c.Name)
}
