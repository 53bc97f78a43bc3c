package command

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/playgate/playgate/module/internal/issue"
)

func tokenCreate() *cobra.Command {
	var (
		file, expires, notBefore, issuer string
		audience                         []string
		urls                             issue.URLs
		r                                issue.Request
		asJSON                           bool
	)
	cmd := &cobra.Command{
		Use:   "create --key-file FILE --org ORG (--stream NAME... | --orgwide) [flags]",
		Short: "Makes a playback token",
		Long: `Makes a playback token for one or more streams, or for all streams of an
organisation. It lasts 14 days when --expires is not given, and 365 days at
most. The token alone goes to standard output; remarks go to standard error.`,
		Example: `  playgate token create --key-file playgate.jwk --org acme --stream cam1
  playgate token create --key-file playgate.jwk --org acme --orgwide --expires 2h --tag press
  playgate token create --key-file playgate.jwk --org acme --stream cam1 --ip 203.0.113.0/24 --referer '*.example.com'
  playgate token create --key-file playgate.jwk --org acme --stream cam1 --json \
    --stream-url 'https://live.example.com/live/{org}/{stream}/index.m3u8'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			var err error
			if expires != "" {
				if r.Expires, err = issue.ParseTime(expires, now); err != nil {
					return fmt.Errorf("--expires %s: %w", expires, err)
				}
			}
			if notBefore != "" {
				if r.NotBefore, err = issue.ParseTime(notBefore, now); err != nil {
					return fmt.Errorf("--not-before %s: %w", notBefore, err)
				}
			}
			for flag, template := range map[string]string{"--playout": urls.Playout, "--stream-url": urls.Stream} {
				if template == "" {
					continue
				}
				if err := issue.CheckURLTemplate(template); err != nil {
					return fmt.Errorf("%s %s: %w", flag, template, err)
				}
			}
			key, err := readKey(file, cmd.InOrStdin())
			if err != nil {
				return err
			}
			by := issue.Issuer{Key: key, Issuer: issuer, Audience: audience, URLs: issue.Templates{urls}, Now: func() time.Time { return now }}
			issued, err := by.Issue(r)
			if err != nil {
				return err
			}
			for _, w := range issued.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "Note:", w)
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				return e.Encode(describe(issued))
			}
			printRemarks(cmd, issued, now)
			fmt.Fprintln(cmd.OutOrStdout(), issued.Token)
			return nil
		},
	}
	f := cmd.Flags()
	keyFileFlag(cmd, &file)
	f.StringVar(&r.Org, "org", "", "organisation hash")
	f.StringArrayVar(&r.Streams, "stream", nil, "stream that it may play; repeatable")
	f.BoolVar(&r.OrgWide, "orgwide", false, "all streams of the organisation")
	f.StringVar(&expires, "expires", "", "when it ends: 14d, 2h, or a time like 2027-01-31T20:00:00Z (default: 14d)")
	f.StringVar(&notBefore, "not-before", "", "when it begins, in the same form (default: at once)")
	f.StringArrayVar(&r.IPs, "ip", nil, "address or prefix that may use it; repeatable")
	f.StringArrayVar(&r.Referers, "referer", nil, "page that may embed it: example.com, *.example.com, host:port; repeatable")
	f.StringVar(&r.Tag, "tag", "", "one tag, to find the token by")
	f.StringVar(&r.User, "user", "", "whom it is for")
	f.StringVar(&issuer, "issuer", "", "iss claim, where the gate asks for one")
	f.StringArrayVar(&audience, "audience", nil, "aud claim, where the gate asks for one; repeatable")
	f.StringVar(&urls.Playout, "playout", "", "template of the player page, with {org} and {stream}: prints the web playout URL")
	f.StringVar(&urls.Stream, "stream-url", "", "template of the manifest or socket, with {org} and {stream}: prints the stream URL")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

// printRemarks says what was made, for people.
func printRemarks(cmd *cobra.Command, i *issue.Issued, now time.Time) {
	w := cmd.ErrOrStderr()
	g := i.Grant
	fmt.Fprintf(w, "Token %s, valid until %s (%s). Keep it: it cannot be shown again.\n",
		g.ID, g.ExpiresAt().Local().Format("2006-01-02 15:04 MST"), issue.Days(g.ExpiresAt().Sub(now.Truncate(time.Second))))
	for _, u := range i.URLs {
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
	URLs          []issue.StreamURLs `json:"urls,omitempty"`
	Warnings      []string           `json:"warnings"`
}

func describe(i *issue.Issued) description {
	g := i.Grant
	d := description{
		Token: i.Token, ID: g.ID, Key: g.KeyID, Org: g.Org, Streams: g.Streams, OrgWide: g.OrgWide,
		IssuedAt: time.Unix(g.IssuedAt, 0).UTC(), Expires: g.ExpiresAt().UTC(),
		Tag: g.Tag, User: g.Subject, Warnings: append([]string{}, i.Warnings...),
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
