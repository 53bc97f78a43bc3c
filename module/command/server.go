package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
)

// server is the running instance that a command asks: what the flags say, and
// what follows from it.
type server struct {
	config, adapter, address string
	api, apiKey              string

	name   string // in errors
	base   string // the URL that /api/v1 is below
	header http.Header
	http   *http.Client
}

const (
	// accessVariable holds the API key where no flag does.
	accessVariable = "PLAYGATE_API_KEY"
	apiKeyMark     = "pgk_"
	askTimeout     = 30 * time.Second
)

var errKeyInSight = errors.New("an API key on the command line can be read by everybody on this machine, so it is not taken; write it into a file and name that with --api-key @FILE, pipe it in with --api-key @-, or set " + accessVariable)

func (s *server) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.config, "config", "", "configuration of the running server, from which its admin endpoint is read")
	f.StringVar(&s.adapter, "adapter", "", "what that configuration is written in, where its name does not say (caddyfile)")
	f.StringVar(&s.address, "address", "", "admin endpoint of the running server (default: "+caddy.DefaultAdminListen+")")
	f.StringVar(&s.api, "api", "", "site that has playgate_api, like https://console.example.com, instead of the admin endpoint")
	f.StringVar(&s.apiKey, "api-key", "", "with --api: @FILE, or @- for standard input (default: $"+accessVariable+")")
}

// asksServer reports whether a flag says which server to ask.
func asksServer(cmd *cobra.Command) bool {
	return slices.ContainsFunc([]string{"config", "adapter", "address", "api", "api-key"}, cmd.Flags().Changed)
}

// find finds out whom to ask, and how.
func (s *server) find(stdin io.Reader) error {
	s.header = http.Header{}
	if s.api == "" {
		if s.apiKey != "" {
			return errors.New("--api-key belongs to --api: name the site that has playgate_api, like --api https://console.example.com")
		}
		return s.findAdmin()
	}
	if s.config != "" || s.address != "" {
		return errors.New("--api and the admin endpoint (--config, --address) are two ways to a server; name one")
	}
	return s.findAPI(stdin)
}

// findAdmin takes the way that playgate reload takes.
func (s *server) findAdmin() error {
	var config []byte
	if s.config != "" {
		var err error
		if config, err = loadQuietly(s.config, s.adapter); err != nil {
			return err
		}
		var admin struct {
			Admin struct {
				Disabled bool `json:"disabled"`
			} `json:"admin"`
		}
		if err := json.Unmarshal(config, &admin); err != nil {
			return fmt.Errorf("%s: %w", s.config, err)
		}
		if admin.Admin.Disabled && s.address == "" {
			return fmt.Errorf("%s has admin off, so there is no admin endpoint to ask; use --api URL with --api-key @FILE, for which a site needs playgate_api", s.config)
		}
	}
	address, err := caddycmd.DetermineAdminAPIAddress(s.address, config, s.config, s.adapter)
	if err != nil {
		return err
	}
	where, err := caddy.ParseNetworkAddress(address)
	if err != nil || where.PortRangeSize() > 1 {
		return fmt.Errorf("%q is no admin endpoint; write HOST:PORT, like localhost:2019", address)
	}
	origin := "http://" + where.JoinHostPort(0)
	if where.IsUnixNetwork() {
		origin = "http://127.0.0.1"
		where.Host, _, _ = strings.Cut(where.Host, "|") // permissions
	} else {
		s.header.Set("Origin", origin)
	}
	if by := person(); by != "" {
		s.header.Set("X-Playgate-By", by)
	}
	s.name, s.base = address, origin+"/playgate"
	s.http = &http.Client{Timeout: askTimeout, CheckRedirect: stay, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, where.Network, where.JoinHostPort(0))
		},
	}}
	return nil
}

// loadQuietly reads a configuration. What Caddy remarks about it is dropped: the
// server that runs with it has said it already.
func loadQuietly(file, adapter string) ([]byte, error) {
	_, logger, buffer := caddy.BufferedLog()
	config, _, _, err := caddycmd.LoadConfig(file, adapter)
	buffer.FlushTo(zap.NewNop())
	caddy.UnbufferDefaultLogger(logger)
	return config, err
}

// person is who sits there, for the audit trail.
func person() string {
	name := os.Getenv("SUDO_USER")
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, name)
	return name[:min(len(name), 64)]
}

func (s *server) findAPI(stdin io.Reader) error {
	u, err := url.Parse(s.api)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("--api: write the address of the site alone, like https://console.example.com")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return fmt.Errorf("--api %s: the API key would travel in the clear; write https://%s", s.api, u.Host)
	}
	key, err := readAPIKey(s.apiKey, stdin)
	if err != nil {
		return err
	}
	s.header.Set("Authorization", "Bearer "+key)
	s.name = u.Scheme + "://" + u.Host
	s.base = s.name
	s.http = &http.Client{Timeout: askTimeout, CheckRedirect: stay}
	return nil
}

// stay makes a redirect an answer: nothing is sent to whom nobody named.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// readAPIKey reads the API key of an --api-key.
func readAPIKey(flag string, stdin io.Reader) (string, error) {
	var text []byte
	var err error
	file, isFile := strings.CutPrefix(flag, "@")
	switch {
	case strings.HasPrefix(flag, apiKeyMark):
		return "", errKeyInSight
	case flag == "":
		text = []byte(os.Getenv(accessVariable))
	case flag == "-" || file == "-":
		text, err = io.ReadAll(io.LimitReader(stdin, 4<<10))
	case isFile && file != "":
		text, err = os.ReadFile(file)
	default:
		return "", errors.New("--api-key: write @ and the name of the file that holds the key, or @- for standard input")
	}
	if err != nil {
		return "", fmt.Errorf("--api-key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	switch {
	case key == "":
		return "", errors.New("no API key: name the file that playgate apikey create wrote with --api-key @FILE, or set " + accessVariable)
	case !strings.HasPrefix(key, apiKeyMark) || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("that is no API key: one begins with " + apiKeyMark + " and is one word; playgate apikey create makes one")
	}
	return key, nil
}
