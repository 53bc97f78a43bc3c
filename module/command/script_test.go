package command_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // what a running server needs
	"github.com/rogpeppe/go-internal/testscript"

	_ "github.com/playgate/playgate/module"
	"github.com/playgate/playgate/module/token/jwt"
)

// TestMain makes this test binary the playgate of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"playgate": func() {
			caddy.CustomBinaryName = "playgate"
			caddycmd.Main()
		},
	})
}

// Each script of testdata/script is a story of the commands: what they write
// where, what they refuse and with which words.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mode": checkMode, "json": checkJSON, "claims": showClaims, "keep": keepOutput, "damage": damage, "length": checkLength, "status": checkStatus,
			"running": awaitRunning, "get": checkGet, "member": keepMember,
		},
	})
}

// checkMode FILE MODE checks the permissions of a file.
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[1]) == neg {
		ts.Fatalf("%s has mode %s", args[0], got)
	}
}

// checkJSON FILE MEMBER [REGEXP] checks a member of a JSON object; without a
// pattern it has to be there.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	var members map[string]json.RawMessage
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &members))
	value, ok := members[args[1]]
	if ok && len(args) > 2 {
		ok = regexp.MustCompile("^(?:" + args[2] + ")$").Match(compacted(ts, value))
	}
	if ok == neg {
		ts.Fatalf("%s is %s", args[1], value)
	}
}

func compacted(ts *testscript.TestScript, raw json.RawMessage) []byte {
	var value any
	ts.Check(json.Unmarshal(raw, &value))
	if s, ok := value.(string); ok {
		return []byte(s)
	}
	out, err := json.Marshal(value)
	ts.Check(err)
	return out
}

// showClaims FILE writes what the token in a file grants to claims.json.
func showClaims(ts *testscript.TestScript, _ bool, args []string) {
	u, err := jwt.Parse(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	g := u.Grant
	out, err := json.Marshal(map[string]any{
		"id": g.ID, "org": g.Org, "streams": strings.Join(g.Streams, ","), "orgwide": g.OrgWide,
		"seconds": g.Expires - g.IssuedAt, "exp": g.Expires, "nbf": g.NotBefore, "ip": fmt.Sprint(g.IPs), "referer": fmt.Sprint(g.Referers),
		"tag": g.Tag, "sub": g.Subject, "iss": g.Issuer, "aud": strings.Join(g.Audience, ","), "kid": u.KeyID, "alg": u.Algorithm,
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("claims.json"), out, 0o600))
}

// keepOutput NAME keeps what the last command wrote to standard output, without
// the line end, in the environment.
func keepOutput(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile("stdout"), "\n"))
}

// damage NAME changes the signature of the token in the environment.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	tok := ts.Getenv(args[0])
	dot := strings.LastIndexByte(tok, '.')
	first := byte('A')
	if tok[dot+1] == first {
		first = 'B'
	}
	ts.Setenv(args[0], tok[:dot+1]+string(first)+tok[dot+2:])
}

// checkLength MOST checks that the last command wrote one line of at most so
// many characters to standard output.
func checkLength(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	out := ts.ReadFile("stdout")
	if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") || len(out)-1 > most {
		ts.Fatalf("%d characters in %d lines", len(out)-1, strings.Count(out, "\n"))
	}
}

// checkStatus N ARGS... runs playgate and checks its exit status.
func checkStatus(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("playgate", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit status %s instead of %s", got, args[0])
	}
}
