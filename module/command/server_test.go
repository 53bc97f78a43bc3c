package command_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/rogpeppe/go-internal/testscript"
)

// caddyfile is that of the server that a script may run: exec playgate run.
const caddyfile = `{
	admin {$ADMIN}
	auto_https off
	skip_install_trust
	default_bind 127.0.0.1
	grace_period 1s
	playgate {
		store embedded {$STORE}
		playout https://live.test/play/{org}/{stream}
		stream_url http://{$LIVE}/live/{org}/{stream}/index.m3u8
		org fixed {
			name "Of the configuration"
			secure on
		}
	}
}

http://{$LIVE} {
	playgate {
		stream /live/{org}/{stream}/*
	}
	respond playing
}

http://{$API} {
	playgate_api
	respond stranger 404
}
`

// setUp gives each script a Caddyfile if it has none, a home and addresses of its own, and an
// address in $NOBODY at which nothing answers. That is the default for commands
// that do not say which server they mean, so that they find no other program of
// this machine.
func setUp(e *testscript.Env) error {
	for _, name := range []string{"ADMIN", "LIVE", "API", "NOBODY"} {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		e.Setenv(name, address)
	}
	_, port, _ := net.SplitHostPort(e.Getenv("API"))
	e.Setenv("API_PORT", port)
	e.Setenv("CADDY_ADMIN", e.Getenv("NOBODY"))
	e.Setenv("STORE", filepath.Join(e.WorkDir, "store"))
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
	e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
	e.Setenv("SUDO_USER", "alice")
	path := filepath.Join(e.WorkDir, "Caddyfile")
	if _, err := os.Stat(path); err == nil {
		return nil // the script brings its own
	}
	return os.WriteFile(path, []byte(caddyfile), 0o600)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// running ADDRESS waits until the server with this admin endpoint has loaded its
// configuration: the endpoint is there earlier, but answers for it only then.
func awaitRunning(ts *testscript.TestScript, _ bool, args []string) {
	end := time.Now().Add(30 * time.Second)
	for {
		response, err := caddycmd.AdminAPIRequest(args[0], http.MethodGet, "/config/", nil, nil)
		if err == nil {
			response.Body.Close()
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no server came up at %s: %v", args[0], err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// get STATUS URL checks how a server answers.
func checkGet(ts *testscript.TestScript, _ bool, args []string) {
	response, err := http.Get(args[1])
	ts.Check(err)
	response.Body.Close()
	if got := strconv.Itoa(response.StatusCode); got != args[0] {
		ts.Fatalf("status %s instead of %s", got, args[0])
	}
}

// member FILE MEMBER NAME keeps a member of a JSON object in the environment.
func keepMember(ts *testscript.TestScript, _ bool, args []string) {
	var members map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &members))
	ts.Setenv(args[2], fmt.Sprint(members[args[1]]))
}
