package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
)

// APIKey is what is kept of a key for programs: everything but the key.
type APIKey struct {
	ID      string     `json:"id"`
	Name    string     `json:"name,omitempty" doc:"For people."`
	Role    string     `json:"role" enum:"read,issue,admin"`
	Orgs    []string   `json:"orgs,omitempty" doc:"Left out: all."`
	Created time.Time  `json:"created"`
	By      string     `json:"by,omitempty" doc:"Who made it."`
	Expires *time.Time `json:"expires,omitempty" doc:"Left out: never."`
}

// APIKeys is a list of them.
type APIKeys struct {
	APIKeys []APIKey `json:"apikeys"`
}

// NewAPIKey is an API key to be made.
type NewAPIKey struct {
	Name    string   `json:"name,omitempty" doc:"For people; at most 128 characters."`
	Role    string   `json:"role" enum:"read,issue,admin" doc:"read looks, issue makes tokens as well, admin changes everything of its organisations."`
	Orgs    []string `json:"orgs,omitempty" minItems:"1" maxItems:"256" doc:"Default: all, which only an admin of all may give."`
	Expires string   `json:"expires,omitempty" doc:"When it ends: a time, or a duration from now. Default: with the caller's own key, or else never."`
}

// IssuedAPIKey is a new API key, which is shown this once.
type IssuedAPIKey struct {
	Text string `json:"apikey" doc:"The API key. Nothing shows it again."`
	APIKey
}

func (s *server) apiKeys() {
	tags := []string{"apikeys"}
	route(s, toAdminister, huma.Operation{
		OperationID: "list-apikeys", Method: http.MethodGet, Path: "/api/v1/apikeys", Tags: tags, Summary: "Lists the API keys of own organisations",
	}, func(ctx context.Context, c *call, _ *struct{}) (*struct{ Body APIKeys }, error) {
		list, err := c.registry.APIKeys.List(ctx)
		out := APIKeys{APIKeys: make([]APIKey, 0)}
		for _, k := range list {
			if c.ownsAll(k.Orgs) {
				out.APIKeys = append(out.APIKeys, describeAPIKey(k))
			}
		}
		return &struct{ Body APIKeys }{out}, err
	})
	route(s, toAdminister, huma.Operation{
		OperationID: "create-apikey", Method: http.MethodPost, Path: "/api/v1/apikeys", DefaultStatus: http.StatusCreated, Tags: tags,
		Summary: "Makes an API key", Description: "It has no more rights than the one that makes it.",
	}, createAPIKey)
	route(s, toAdminister, huma.Operation{
		OperationID: "delete-apikey", Method: http.MethodDelete, Path: "/api/v1/apikeys/{id}", DefaultStatus: http.StatusNoContent, Tags: tags, Summary: "Ends an API key at once",
	}, deleteAPIKey)
}

func describeAPIKey(k *registry.APIKey) APIKey {
	return APIKey{ID: k.ID, Name: k.Name, Role: string(k.Role), Orgs: k.Orgs, Created: k.Created.UTC(), By: k.By, Expires: moment(k.Expires)}
}

func createAPIKey(ctx context.Context, c *call, in *struct{ Body NewAPIKey }) (*struct{ Body IssuedAPIKey }, error) {
	b := in.Body
	if err := checkText("body.name", b.Name); err != nil {
		return nil, err
	}
	// Only admins get here, so that every role is within their own.
	if b.Orgs == nil && c.Orgs != nil {
		return nil, mistake("body.orgs", "name the organisations; only an admin of all may make an API key for all")
	}
	for i, org := range b.Orgs {
		where := "body.orgs[" + strconv.Itoa(i) + "]"
		if err := c.orgInBody(where, org); err != nil {
			return nil, err
		}
		if slices.Contains(b.Orgs[:i], org) {
			return nil, mistake(where, "it is named twice")
		}
	}
	expires := c.expires
	if b.Expires != "" {
		var err error
		if expires, err = issue.ParseTime(b.Expires, c.now); err != nil {
			return nil, mistake("body.expires", err.Error())
		}
		if !expires.After(c.now) {
			return nil, mistake("body.expires", "that is in the past; write when the key is to end")
		}
		if !c.expires.IsZero() && expires.After(c.expires) {
			return nil, mistake("body.expires", "it cannot last longer than your own key")
		}
	}
	k := &registry.APIKey{Name: b.Name, Role: registry.Role(b.Role), Orgs: b.Orgs, Expires: expires.UTC()}
	text, err := c.registry.APIKeys.Create(ctx, k, c.Name)
	if err != nil {
		return nil, err
	}
	return &struct{ Body IssuedAPIKey }{IssuedAPIKey{text, describeAPIKey(k)}}, nil
}

func deleteAPIKey(ctx context.Context, c *call, in *struct {
	ID string `path:"id" doc:"The API key's id."`
},
) (*nothing, error) {
	list, err := c.registry.APIKeys.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if k.ID == in.ID && c.ownsAll(k.Orgs) {
			return nil, c.registry.APIKeys.Delete(ctx, k, c.Name)
		}
	}
	return nil, registry.ErrNotFound
}
