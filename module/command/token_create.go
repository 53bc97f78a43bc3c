package command

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
)

// tokenMaking is what the flags say about a new token.
type tokenMaking struct {
	r                  issue.Request
	expires, notBefore string

	// With a key file; a running server says these itself.
	file, issuer string
	audience     []string
	urls         issue.URLs
}

func tokenCreate() *cobra.Command {
	var m tokenMaking
	cmd := &cobra.Command{
		Use:   "create --org ORG (--stream NAME... | --orgwide) [flags]",
		Short: "Makes a playback token",
		Long: `Makes a playback token for one or more streams, or for all streams of an
organisation. A running server makes it and keeps a record of it; with --key-file
(or $PLAYGATE_KEY_FILE) this command makes it by itself, and nothing is kept.

It lasts 14 days when neither --expires nor the server says otherwise, and 365
days at most. The token alone goes to standard output; remarks go to standard
error.`,
		Example: `  playgate token create --org acme --stream cam1
  playgate token create --org acme --orgwide --expires 2h --tag press --config Caddyfile
  playgate token create --org acme --stream cam1 --api https://console.example.com --api-key @shop.apikey
  playgate token create --key-file playgate.jwk --org acme --stream cam1
  playgate token create --key-file playgate.jwk --org acme --stream cam1 --ip 203.0.113.0/24 --referer '*.example.com'
  playgate token create --key-file playgate.jwk --org acme --stream cam1 --json \
    --stream-url 'https://live.example.com/live/{org}/{stream}/index.m3u8'`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	keyFileFlag(cmd, &m.file)
	f.StringVar(&m.r.Org, "org", "", "organisation hash")
	f.StringArrayVar(&m.r.Streams, "stream", nil, "stream that it may play; repeatable")
	f.BoolVar(&m.r.OrgWide, "orgwide", false, "all streams of the organisation")
	f.StringVar(&m.expires, "expires", "", "when it ends: 14d, 2h, or a time like 2027-01-31T20:00:00Z (default: 14d)")
	f.StringVar(&m.notBefore, "not-before", "", "when it begins, in the same form (default: at once)")
	f.StringArrayVar(&m.r.IPs, "ip", nil, "address or prefix that may use it; repeatable")
	f.StringArrayVar(&m.r.Referers, "referer", nil, "page that may embed it: example.com, *.example.com, host:port; repeatable")
	f.StringVar(&m.r.Tag, "tag", "", "one tag, to find the token by")
	f.StringVar(&m.r.User, "user", "", "whom it is for")
	f.StringVar(&m.issuer, "issuer", "", "with --key-file: iss claim, where the gate asks for one")
	f.StringArrayVar(&m.audience, "audience", nil, "with --key-file: aud claim, where the gate asks for one; repeatable")
	f.StringVar(&m.urls.Playout, "playout", "", "with --key-file: template of the player page, with {org} and {stream}: prints the web playout URL")
	f.StringVar(&m.urls.Stream, "stream-url", "", "with --key-file: template of the manifest or socket, with {org} and {stream}: prints the stream URL")
	online(cmd, m.ask)
	ask := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := refuseEmpty(cmd); err != nil {
			return err
		}
		offline, err := byKeyFile(cmd)
		if err == nil && offline {
			return m.sign(cmd)
		}
		if err == nil {
			err = onlyWithKeyFile(cmd, "issuer", "audience", "playout", "stream-url")
		}
		if err != nil {
			return err
		}
		return ask(cmd, args)
	}
	return cmd
}

// sign makes the token with a key file.
func (m *tokenMaking) sign(cmd *cobra.Command) error {
	now := time.Now()
	var err error
	if m.expires != "" {
		if m.r.Expires, err = issue.ParseTime(m.expires, now); err != nil {
			return fmt.Errorf("--expires %s: %w", m.expires, err)
		}
	}
	if m.notBefore != "" {
		if m.r.NotBefore, err = issue.ParseTime(m.notBefore, now); err != nil {
			return fmt.Errorf("--not-before %s: %w", m.notBefore, err)
		}
	}
	for flag, template := range map[string]string{"--playout": m.urls.Playout, "--stream-url": m.urls.Stream} {
		if template == "" {
			continue
		}
		if err := issue.CheckURLTemplate(template); err != nil {
			return fmt.Errorf("%s %s: %w", flag, template, err)
		}
	}
	key, err := readKey(m.file, cmd.InOrStdin())
	if err != nil {
		return err
	}
	by := issue.Issuer{Key: key, Issuer: m.issuer, Audience: m.audience, URLs: issue.Templates{m.urls}, Now: func() time.Time { return now }}
	issued, err := by.Issue(m.r)
	if err != nil {
		return err
	}
	for _, w := range issued.Remarks() {
		fmt.Fprintln(cmd.ErrOrStderr(), "Note:", w)
	}
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		return writeJSON(cmd.OutOrStdout(), describe(issued))
	}
	printRemarks(cmd.ErrOrStderr(), issued.Grant.ID, issued.Grant.ExpiresAt(), now, issued.URLs)
	fmt.Fprintln(cmd.OutOrStdout(), issued.Token)
	return nil
}

// printRemarks says what was made, for people.
func printRemarks(w io.Writer, id string, expires, now time.Time, urls []types.StreamURLs) {
	fmt.Fprintf(w, "Token %s, valid until %s (%s). Keep it: it cannot be shown again.\n",
		id, when(expires), issue.Days(expires.Sub(now.Truncate(time.Second))))
	for _, u := range urls {
		if u.WebPlayoutURL != "" {
			fmt.Fprintln(w, "Web playout URL:", u.WebPlayoutURL)
		}
		if u.StreamURL != "" {
			fmt.Fprintln(w, "Stream URL:", u.StreamURL)
		}
	}
}

// description is what --json writes.
type description struct {
	Token         string             `json:"token"`
	ID            string             `json:"id"`
	Key           string             `json:"key"`
	Org           string             `json:"org"`
	Streams       []string           `json:"streams,omitempty"`
	OrgWide       bool               `json:"orgwide,omitempty"`
	IssuedAt      time.Time          `json:"issued_at"`
	NotBefore     *time.Time         `json:"not_before,omitempty"`
	Expires       time.Time          `json:"expires"`
	IP            []string           `json:"ip,omitempty"`
	Referer       []string           `json:"referer,omitempty"`
	Tag           string             `json:"tag,omitempty"`
	User          string             `json:"user,omitempty"`
	WebPlayoutURL string             `json:"web_playout_url,omitempty"`
	StreamURL     string             `json:"stream_url,omitempty"`
	URLs          []types.StreamURLs `json:"urls,omitempty"`
	Warnings      []string           `json:"warnings"`
}

func describe(i *issue.Issued) description {
	g := i.Grant
	d := description{
		Token: i.Token, ID: g.ID, Key: g.KeyID, Org: g.Org, Streams: g.Streams, OrgWide: g.OrgWide,
		IssuedAt: time.Unix(g.IssuedAt, 0).UTC(), Expires: g.ExpiresAt().UTC(),
		Tag: g.Tag, User: g.Subject, Warnings: i.Remarks(),
	}
	if g.NotBefore != 0 {
		t := time.Unix(g.NotBefore, 0).UTC()
		d.NotBefore = &t
	}
	for _, r := range g.IPs {
		d.IP = append(d.IP, r.String())
	}
	for _, p := range g.Referers {
		d.Referer = append(d.Referer, p.String())
	}
	if len(i.URLs) > 0 {
		d.WebPlayoutURL, d.StreamURL = i.URLs[0].WebPlayoutURL, i.URLs[0].StreamURL
	}
	if len(i.URLs) > 1 {
		d.URLs = i.URLs
	}
	return d
}
