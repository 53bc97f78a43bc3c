package command

import (
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func keyRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Lets a running server sign with its next key",
		Long: `Lets a running server sign new tokens with its next key, and makes another next
one. Nobody is refused: tokens of the key before go on to play until they expire
or the key is retired.`,
		Example: "  playgate key rotate",
		Args:    cobra.NoArgs,
	}
	return online(cmd, func(c *client, _ []string) error {
		var keys types.Rotation
		answer, err := c.post("keys/rotate", nil, &keys)
		if err != nil {
			return err
		}
		return c.done(answer, "Key %s signs from now on. Tokens of key %s go on to play; to end them all: playgate key retire %s", clean(keys.Active), clean(keys.Former), clean(keys.Former))
	})
}

func keyRetire() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use:   "retire ID [--org ORG]",
		Short: "Ends all tokens of a key of a running server at once",
		Long: `Ends all tokens of a key of a running server at once. There is no way back. The
active and the next key cannot be retired; rotate first. A key of the server's
configuration is retired there.`,
		Example: `  playgate key retire 0a1B2c3D
  playgate key retire partner-2026 --org acme`,
		Args: takes(1),
	}
	cmd.Flags().StringVar(&org, "org", "", "the key is this organisation's own")
	return online(cmd, func(c *client, args []string) error {
		answer, err := c.ask("POST", path("keys", args[0], "retire"), filter(map[string]string{"org": org}), nil, nil)
		if err != nil {
			return err
		}
		return c.done(answer, "Key %s is retired; its tokens are refused from now on.", clean(args[0]))
	})
}
