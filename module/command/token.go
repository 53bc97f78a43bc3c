package command

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "token",
		Usage: "create|explain",
		Short: "Makes playback tokens, and says why one is refused",
		Long: `Makes playback tokens with a key file, and says why one is refused.

A token made here is stored nowhere: keep it, it cannot be shown again.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(tokenCreate(), tokenExplain())
			group(cmd)
		},
	})
}
