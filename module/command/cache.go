package command

import (
	"errors"
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "cache",
		Usage: "purge",
		Short: "Keeps the cache of a running server",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(cachePurge())
			group(cmd)
		},
	})
}

func cachePurge() *cobra.Command {
	var in types.NewPurge
	cmd := &cobra.Command{
		Use:   "purge (--org ORG [--stream STREAM] | --url URL) [flags]",
		Short: "Makes all nodes forget what they have cached",
		Long: `Makes all nodes of a registry forget what they have cached: all of an organisation, of one of its
streams, or of one URL. A URL without a query stands for every query; a token in
it makes no difference. Who already gets an answer gets all of it; who comes later
gets a new one from the origin. A node that cannot be reached keeps what it has; the
answer says how many did it.`,
		Example: `  playgate cache purge --org acme
  playgate cache purge --org acme --stream cam1
  playgate cache purge --url https://live.example.com/live/acme/cam1/index.m3u8`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&in.Org, "org", "", "all of this organisation")
	f.StringVar(&in.Stream, "stream", "", "of this stream of the organisation only")
	f.StringVar(&in.URL, "url", "", "what viewers get at this URL")
	return online(cmd, func(c *client, _ []string) error {
		switch {
		case in.URL == "" && in.Org == "":
			return errors.New("say what to forget: --org, with or without --stream, or --url")
		case in.URL != "" && (in.Org != "" || in.Stream != ""):
			return errors.New("--url stands alone: it says all")
		}
		var out types.Purged
		answer, err := c.post("purges", in, &out)
		if err != nil {
			return err
		}
		on := ""
		if out.Nodes > 1 {
			on = fmt.Sprintf(" on %d nodes", out.Nodes)
		}
		if out.Objects == 1 {
			return c.done(answer, "1 cached answer is forgotten%s.", on)
		}
		return c.done(answer, "%d cached answers are forgotten%s.", out.Objects, on)
	})
}
