package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
)

// ListAPIKeys lists the API keys of the caller's organisations.
var ListAPIKeys = operation(toAdminister, huma.Operation{
	OperationID: "list-apikeys", Method: http.MethodGet, Path: "/api/v1/apikeys", Tags: []string{"apikeys"}, Summary: "Lists the API keys of own organisations",
}, listAPIKeys)

// CreateAPIKey makes an API key, and shows it this once.
var CreateAPIKey = operation(toAdminister, huma.Operation{
	OperationID: "create-apikey", Method: http.MethodPost, Path: "/api/v1/apikeys", DefaultStatus: http.StatusCreated, Tags: []string{"apikeys"},
	Summary: "Makes an API key", Description: "It has no more rights than the one that makes it.",
}, createAPIKey)

// DeleteAPIKey ends an API key at once.
var DeleteAPIKey = operation(toAdminister, huma.Operation{
	OperationID: "delete-apikey", Method: http.MethodDelete, Path: "/api/v1/apikeys/{id}", DefaultStatus: http.StatusNoContent, Tags: []string{"apikeys"}, Summary: "Ends an API key at once",
}, deleteAPIKey)

func listAPIKeys(ctx context.Context, c *call, _ *types.Nothing) (*types.APIKeys, error) {
	list, err := c.registry.APIKeys.List(ctx)
	out := types.APIKeys{APIKeys: make([]types.APIKey, 0)}
	for _, k := range list {
		if c.ownsAll(k.Orgs) {
			out.APIKeys = append(out.APIKeys, describeAPIKey(k))
		}
	}
	return &out, err
}

func describeAPIKey(k *registry.APIKey) types.APIKey {
	return types.APIKey{ID: k.ID, Name: k.Name, Role: string(k.Role), Orgs: k.Orgs, Created: k.Created.UTC(), By: k.By, Expires: moment(k.Expires)}
}

func createAPIKey(ctx context.Context, c *call, in *types.Body[types.NewAPIKey]) (*types.IssuedAPIKey, error) {
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
	return &types.IssuedAPIKey{Text: text, APIKey: describeAPIKey(k)}, nil
}

func deleteAPIKey(ctx context.Context, c *call, in *types.APIKeyPath) (*types.Nothing, error) {
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
