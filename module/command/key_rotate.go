package command

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func keyRotate() *cobra.Command {
	var what types.NewRotation
	cmd := &cobra.Command{
		Use:   "rotate [--compromised] [--sessions [--now]]",
		Short: "Lets a running server sign with its next key, or withdraws its secrets",
		Long: `Lets a running server sign new tokens with its next key, and makes another next
one. Nobody is refused: tokens of the key before go on to play until they expire
or the key is retired.

If somebody has seal.key and the records, or a backup, they have all keys that
Playgate made. --compromised replaces the active and the next key and retires all
others in one step: all tokens of before are refused at once.

If somebody has the files of an edge, they can make session tokens. --sessions makes
a new key for these, and the one before goes on to verify; with --now all sessions
end at once, and players begin again with their own tokens.`,
		Example: `  playgate key rotate
  playgate key rotate --compromised --sessions --now`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&what.Compromised, "compromised", false, "replace the active and the next key, and retire all others that Playgate made")
	cmd.Flags().BoolVar(&what.Sessions, "sessions", false, "make a new key for session tokens")
	cmd.Flags().BoolVar(&what.Now, "now", false, "with --sessions: end all sessions at once")
	return online(cmd, func(c *client, _ []string) error {
		var keys types.Rotation
		answer, err := c.post("keys/rotate", what, &keys)
		if err != nil {
			return err
		}
		if keys.Sessions != "" && len(keys.Retired) > 0 {
			c.remark("Session keys: %s.", clean(keys.Sessions))
		}
		switch {
		case len(keys.Retired) > 0:
			return c.done(answer, "Key %s signs from now on. Retired, and all their tokens refused: %s", clean(keys.Active), clean(strings.Join(keys.Retired, ", ")))
		case keys.Sessions == "ended":
			return c.done(answer, "A new key signs session tokens. All sessions have ended.")
		case keys.Sessions != "":
			return c.done(answer, "A new key signs session tokens. Those of before go on to play; to end them: playgate key rotate --sessions --now")
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
