package api

import (
	"context"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
)

// ChosenTokens are tokens that somebody has chosen from a list.
type ChosenTokens struct {
	Tokens []types.TokenPath
	// Reason is why they are revoked. At most 128 characters.
	Reason string
}

// GetChosenTokens shows what is kept of tokens, in the order in which they are
// chosen. All nodes are asked once who uses them. The first that is not there is
// the error. It has no route.
var GetChosenTokens = &Operation[ChosenTokens, types.Tokens]{need: toRead, do: getChosenTokens, early: checkFirstChosen}

// RevokeChosenTokens revokes tokens one after the other, each as RevokeToken would.
// The first that cannot be revoked ends it, and is the error; those before it stay
// revoked. It has no route.
var RevokeChosenTokens = &Operation[ChosenTokens, types.Nothing]{need: toIssue, do: revokeChosenTokens, early: checkFirstChosen}

// checkFirstChosen refuses a first token that cannot be one.
func checkFirstChosen(in *ChosenTokens) error {
	if len(in.Tokens) == 0 {
		return nil
	}
	return checkName(in.Tokens[0].ID)
}

func getChosenTokens(ctx context.Context, c *call, in *ChosenTokens) (*types.Tokens, error) {
	list := make([]*registry.Token, len(in.Tokens))
	for i := range in.Tokens {
		err := checkName(in.Tokens[i].ID)
		if err == nil {
			list[i], err = findToken(ctx, c, &in.Tokens[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return &types.Tokens{Tokens: describeTokens(ctx, c, list, c.now)}, nil
}

func revokeChosenTokens(ctx context.Context, c *call, in *ChosenTokens) (*types.Nothing, error) {
	for _, t := range in.Tokens {
		if err := checkName(t.ID); err != nil {
			return nil, err
		}
		if _, err := revokeToken(ctx, c, &types.RevokeToken{TokenPath: t, Reason: in.Reason}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
