package command

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "token",
		Usage: "create|list|show|revoke|explain",
		Short: "Makes playback tokens, and says why one is refused",
		Long: `Makes playback tokens, and says why one is refused.

A running server makes them, with its own key, and keeps a record of each; or
this command makes them by itself with a key file, and nothing is kept. Either
way the token is shown once.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(tokenCreate(), tokenList(), tokenShow(), tokenExplain(), tokenRevoke(), tokenRevocations(), tokenUnrevoke())
			group(cmd)
		},
	})
}
