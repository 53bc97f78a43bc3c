package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

// What the demo plays.
const (
	org    = "demo"
	stream = "testcard"
)

// stage is the running demo: origin, page and gate.
type stage struct {
	dir    string // the key, and whatever Caddy keeps; gone at the end
	origin *Origin
	server *http.Server // the origin and the page, behind the gate
	key    *token.Key
	port   int
	page   string
	scene  Scene
}

// caddyfile is the gate of the demo. It is what anybody would write, but for
// the page beside it, and the console that takes whoever comes for its user.
const caddyfile = `{
	admin off
	persist_config off
	auto_https off
	storage file_system %[1]q
	grace_period 1s
	log {
		output stderr
		level ERROR
		format playgate console
	}
	playgate {
		store embedded %[5]q
		leeway 0s
		playout http://127.0.0.1:%[3]d/play/{org}/{stream}
		stream_url http://127.0.0.1:%[3]d/live/{org}/{stream}/index.m3u8
		org demo {
			name "The demo"
		}
		key demo {
			file %[2]q
		}
	}
}

http://:%[3]d {
	bind 127.0.0.1
	handle /live/* {
		playgate {
			stream /live/{org}/{stream}/*
			errors verbose
		}
		reverse_proxy %[4]s
	}
	handle /play/* {
		playgate_player
	}
	handle /console* {
		vars demo_user you
		playgate_console {
			user {http.vars.demo_user}
			grant you admin *
			host 127.0.0.1 localhost
		}
	}
	handle {
		reverse_proxy %[4]s
	}
}
`

// start sets up everything on loopback. A busy port is replaced by a free one.
func start(port int) (_ *stage, err error) {
	s := &stage{}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "playgate-demo-"); err != nil {
		return nil, err
	}
	if s.key, err = token.GenerateKey("demo", token.EdDSA); err != nil {
		return nil, err
	}
	public, err := s.key.MarshalJWK(true)
	if err != nil {
		return nil, err
	}
	keyFile := filepath.Join(s.dir, "key.jwk")
	if err := os.WriteFile(keyFile, public, 0o600); err != nil {
		return nil, err
	}
	if s.origin, err = NewOrigin(); err != nil {
		return nil, err
	}
	if s.port, err = freePort(port); err != nil {
		return nil, err
	}
	base := "http://127.0.0.1:" + strconv.Itoa(s.port)
	s.page = base + "/"
	if s.scene, err = s.makeScene(base); err != nil {
		return nil, err
	}
	upstream, err := s.serve()
	if err != nil {
		return nil, err
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, caddyfile, s.dir, keyFile, s.port, upstream, filepath.Join(s.dir, "store")), nil)
	if err != nil {
		return nil, err
	}
	return s, caddy.Load(config, true)
}

// serve runs the origin and the page where only the gate goes.
func (s *stage) serve() (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.Handle("/live/", s.origin) // whatever stream somebody makes in the console
	mux.Handle("/", Page(s.scene))
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return listener.Addr().String(), nil
}

// revoke revokes a token of the demo, or undoes that. Once it returns, the
// gate knows.
func revoke(ctx context.Context, id string, back bool) error {
	a, err := caddy.ActiveContext().App(app.ID)
	if err != nil {
		return err
	}
	store := a.(*app.App).Registry()
	if !back {
		c := registry.Condition{Org: org, Kind: "token", Value: id, Reason: "the button of the demo"}
		return store.Revocations.Add(ctx, &c, time.Time{}, "demo")
	}
	for _, c := range store.Revocations.OfToken(org, id) {
		if err := store.Revocations.Undo(ctx, org, c.ID, "demo"); err != nil {
			return err
		}
	}
	return nil
}

// stop ends everything that start began.
func (s *stage) stop() {
	_ = caddy.Stop()
	if s.server != nil {
		_ = s.server.Close()
	}
	if s.origin != nil {
		s.origin.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// freePort is the port that was asked for, or, when somebody has it, any free
// one.
func freePort(port int) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// makeScene mints a token for each button.
func (s *stage) makeScene(base string) (Scene, error) {
	issuer := issue.Issuer{Key: s.key, Now: time.Now}
	plain := base + "/live/" + org + "/" + stream + "/index.m3u8"
	mint := func(r issue.Request) (string, *token.Grant, error) {
		if r.Org = org; len(r.Streams) == 0 {
			r.Streams = []string{stream}
		}
		issued, err := issuer.Issue(r)
		if err != nil {
			return "", nil, err
		}
		return plain + "?token=" + issued.Token, issued.Grant, nil
	}
	good, grant, err1 := mint(issue.Request{})
	other, _, err2 := mint(issue.Request{Streams: []string{"another-stream"}})
	elsewhere, _, err3 := mint(issue.Request{IPs: []string{"192.0.2.1"}})
	copied, _, err4 := mint(issue.Request{Referers: []string{"www.example.com"}})

	// Nobody issues an expired token; this one is signed as it stands.
	yesterday := *grant
	yesterday.ID = token.NewID(16)
	yesterday.IssuedAt, yesterday.Expires = time.Now().Add(-48*time.Hour).Unix(), time.Now().Add(-24*time.Hour).Unix()
	expired, err5 := jwt.Sign(&yesterday, s.key)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return Scene{}, err
	}
	return Scene{
		Stream:     stream,
		PlainURL:   plain,
		TokenURL:   good,
		ValidUntil: grant.ExpiresAt(),
		Cases: Cases(CaseURLs{
			WrongStream: other,
			Expired:     plain + "?token=" + expired,
			WrongIP:     elsewhere,
			Copied:      copied,
		}),
		Revoke: func(ctx context.Context, back bool) error { return revoke(ctx, grant.ID, back) },
		Mint: func(lifetime time.Duration) (string, string, time.Time, error) {
			url, g, err := mint(issue.Request{Expires: time.Now().Add(lifetime)})
			if err != nil {
				return "", "", time.Time{}, err
			}
			return url, Curl(url), g.ExpiresAt(), nil
		},
	}, nil
}
