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

// setUp gives each script a Caddyfile, a home and addresses of its own, and an
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
	e.Setenv("CADDY_ADMIN", e.Getenv("NOBODY"))
	e.Setenv("STORE", filepath.Join(e.WorkDir, "store"))
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
	e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
	e.Setenv("SUDO_USER", "alice")
	return os.WriteFile(filepath.Join(e.WorkDir, "Caddyfile"), []byte(caddyfile), 0o600)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// await tries until something holds. Waiting for it to fail is what a broken
// build costs.
func await(ts *testscript.TestScript, what string, holds func() bool) {
	end := time.Now().Add(30 * time.Second)
	for pause := 5 * time.Millisecond; !holds(); time.Sleep(pause) {
		if time.Now().After(end) {
			ts.Fatalf("waited in vain for %s", what)
		}
	}
}

// answers ADDRESS... waits until a server that was started takes connections.
func awaitAnswer(ts *testscript.TestScript, _ bool, args []string) {
	for _, address := range args {
		await(ts, address, func() bool {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
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
