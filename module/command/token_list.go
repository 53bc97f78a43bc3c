package command

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/redact"
)

// tokenScope says what a token may play.
func tokenScope(t *types.Token) string {
	if t.OrgWide {
		return "all"
	}
	return strings.Join(t.Streams, ", ")
}

func printToken(w io.Writer, t *types.Token) error {
	return card(w, [][2]string{
		{"Token", t.ID},
		{"Organisation", t.Org},
		{"Streams", tokenScope(t)},
		{"Status", strings.ReplaceAll(t.Status, "_", " ")},
		{"Valid from", whenever(t.NotBefore)},
		{"Expires", when(t.Expires)},
		{"Last used", whenever(t.LastUsed)},
		{"Viewers", strconv.Itoa(t.Viewers)},
		{"Addresses", strings.Join(t.IP, ", ")},
		{"Pages", strings.Join(t.Referer, ", ")},
		{"Tag", t.Tag},
		{"User", t.User},
		{"Key", t.Key},
		{"Created", when(t.Created)},
		{"By", t.By},
	})
}

func tokenList() *cobra.Command {
	var org, stream, tag, user, status string
	var p pages
	cmd := &cobra.Command{
		Use:   "list [--org ORG] [--stream STREAM] [--tag TAG] [--user USER] [--status STATUS]",
		Short: "Lists the tokens that a running server made",
		Long: `Lists the tokens that a running server made, the newest first. The tokens
themselves are kept nowhere and cannot be shown again.`,
		Example: `  playgate token list
  playgate token list --org acme --stream cam1 --status active
  playgate token list --org acme --all --json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&org, "org", "", "those of one organisation")
	f.StringVar(&stream, "stream", "", "those that may play a stream")
	f.StringVar(&tag, "tag", "", "those with a tag")
	f.StringVar(&user, "user", "", "those for a user")
	f.StringVar(&status, "status", "", "active, expired, key_retired, not_yet_valid or revoked")
	p.flags(cmd)
	return online(cmd, func(c *client, _ []string) error {
		var list types.Tokens
		answer, err := p.read(c, "tokens", "tokens", filter(map[string]string{"org": org, "stream": stream, "tag": tag, "user": user, "status": status}), &list)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error {
			rows := make([][]string, len(list.Tokens))
			for i, t := range list.Tokens {
				rows[i] = []string{t.ID, t.Org, tokenScope(&t), strings.ReplaceAll(t.Status, "_", " "), when(t.Expires), whenever(t.LastUsed), t.Tag, t.User, t.By}
			}
			return table(w, []string{"ID", "ORG", "STREAMS", "STATUS", "EXPIRES", "LAST USED", "TAG", "USER", "BY"}, rows)
		})
	})
}

// refuseToken refuses a token where its id belongs: it would stand in a path,
// and get into the server's log.
func refuseToken(id string) error {
	if redact.IsToken(id) {
		return errors.New("that is a token and not its id; playgate token explain says the id")
	}
	return nil
}

func tokenShow() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use:   "show ID [--org ORG]",
		Short: "Shows the record of a token",
		Long: `Shows the record of a token that a running server made. ID is the one that
token list shows and that is in the access log.`,
		Example: `  playgate token show 0123456789abcdef
  playgate token show 0123456789abcdef --org acme`,
		Args: takes(1),
	}
	cmd.Flags().StringVar(&org, "org", "", "its organisation, where several have the id")
	return online(cmd, func(c *client, args []string) error {
		if err := refuseToken(args[0]); err != nil {
			return err
		}
		var t types.Token
		answer, err := c.get(path("tokens", args[0]), filter(map[string]string{"org": org}), &t)
		if err != nil {
			return err
		}
		return c.show(answer, func(w io.Writer) error { return printToken(w, &t) })
	})
}
