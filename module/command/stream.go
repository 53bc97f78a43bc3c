package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "stream",
		Usage: "create|list|show|public|delete",
		Short: "Keeps the streams of a running server",
		Long: `Keeps the streams of a running server. A stream need not be known here to be
played; one that is known is found in lists and can be public.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(streamCreate(), streamList(), streamShow(), streamPublic(), streamDelete())
			group(cmd)
		},
	})
}

func printStream(w io.Writer, s *types.Stream) error {
	return card(w, [][2]string{
		{"Organisation", s.Org},
		{"Stream", s.Stream},
		{"Title", s.Title},
		{"Public", yesNo(s.Public)},
		{"Tags", strings.Join(s.Tags, ", ")},
		{"Viewers", strconv.Itoa(s.Viewers)},
		{"Created", when(s.Created)},
		{"By", s.By},
	})
}

// streamOutcome says who plays a stream.
func streamOutcome(s *types.Stream) string {
	if s.Public {
		return fmt.Sprintf("Stream %s of %s is public: it plays without a token.", clean(s.Stream), clean(s.Org))
	}
	return fmt.Sprintf("Stream %s of %s is not public: it needs a token where its organisation says so.", clean(s.Stream), clean(s.Org))
}

// ofOrg adds the flag that names the organisation of one stream.
func ofOrg(cmd *cobra.Command, org *string) {
	cmd.Flags().StringVar(org, "org", "", "organisation hash")
	_ = cmd.MarkFlagRequired("org") // it is there
}

func streamCreate() *cobra.Command {
	var in types.NewStream
	cmd := &cobra.Command{
		Use:   "create --org ORG STREAM [--title TEXT] [--tag TAG]... [--public]",
		Short: "Adds a stream",
		Long: `Adds a stream to an organisation. STREAM is its name in URLs, 1 to 128 of
letters, digits, dot, underscore and hyphen.`,
		Example: `  playgate stream create --org acme cam1
  playgate stream create --org acme cam2 --title "North gate" --tag sports
  playgate stream create --org acme trailer --public`,
		Args: takes(1),
	}
	ofOrg(cmd, &in.Org)
	cmd.Flags().StringVar(&in.Title, "title", "", "title for people")
	cmd.Flags().StringArrayVar(&in.Tags, "tag", nil, "tag, to find the stream by; repeatable")
	cmd.Flags().BoolVar(&in.Public, "public", false, "it plays without a token")
	return online(cmd, func(c *client, args []string) error {
		in.Stream = args[0]
		var s types.Stream
		answer, err := c.post("streams", in, &s)
		if err != nil {
			return err
		}
		if s.Public {
			return c.done(answer, "%s", streamOutcome(&s))
		}
		return c.done(answer, "Stream %s of %s is there. Next: playgate token create --org %s --stream %s", clean(s.Stream), clean(s.Org), clean(s.Org), clean(s.Stream))
	})
}

func streamList() *cobra.Command {
	var org, tag string
	var p pages
	cmd := &cobra.Command{
		Use:   "list [--org ORG] [--tag TAG]",
		Short: "Lists the streams",
		Long:  "Lists the streams, of one organisation or of all.",
		Example: `  playgate stream list
  playgate stream list --org acme --tag sports`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&org, "org", "", "those of one organisation")
	cmd.Flags().StringVar(&tag, "tag", "", "those with a tag")
	p.flags(cmd)
	return online(cmd, func(c *client, _ []string) error {
		var list types.Streams
		answer, err := p.read(c, "streams", "streams", filter(map[string]string{"org": org, "tag": tag}), &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Streams))
			for i, s := range list.Streams {
				rows[i] = []string{s.Org, s.Stream, s.Title, yesNo(s.Public), strings.Join(s.Tags, ", "), strconv.Itoa(s.Viewers)}
			}
			return table(w, []string{"ORG", "STREAM", "TITLE", "PUBLIC", "TAGS", "VIEWERS"}, rows)
		})
	})
}

func streamShow() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use:     "show --org ORG STREAM",
		Short:   "Shows a stream",
		Long:    "Shows what is known of a stream.",
		Example: "  playgate stream show --org acme cam1",
		Args:    takes(1),
	}
	ofOrg(cmd, &org)
	return online(cmd, func(c *client, args []string) error {
		var s types.Stream
		answer, err := c.get(path("streams", org, args[0]), nil, &s)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error { return printStream(w, &s) })
	})
}

func streamPublic() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use:   "public --org ORG STREAM on|off",
		Short: "Says whether a stream plays without a token",
		Long: `Says whether one stream plays without a token, from now on, though its
organisation asks for one.`,
		Example: `  playgate stream public --org acme cam1 on
  playgate stream public --org acme cam1 off`,
		Args: takes(2),
	}
	ofOrg(cmd, &org)
	return online(cmd, func(c *client, args []string) error {
		if args[1] != "on" && args[1] != "off" {
			return fmt.Errorf("%q: write on or off", args[1])
		}
		public := args[1] == "on"
		var s types.Stream
		answer, err := c.ask("PATCH", path("streams", org, args[0]), nil, types.StreamChange{Public: &public}, &s)
		if err != nil {
			return err
		}
		return c.done(answer, "%s", streamOutcome(&s))
	})
}

func streamDelete() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use:   "delete --org ORG STREAM",
		Short: "Forgets a stream",
		Long: `Forgets a stream. It ends nothing: its tokens stay valid, and as the stream is
no longer public, it needs one.`,
		Example: "  playgate stream delete --org acme cam1",
		Args:    takes(1),
	}
	ofOrg(cmd, &org)
	return online(cmd, func(c *client, args []string) error {
		answer, err := c.ask("DELETE", path("streams", org, args[0]), nil, nil, nil)
		if err != nil {
			return err
		}
		return c.done(answer, "Stream %s of %s is deleted.", clean(args[0]), clean(org))
	})
}
