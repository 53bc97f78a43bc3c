package integration_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// thief has what is in a server's files and in a backup.
type thief struct {
	keys     []*token.Key // private
	sessions []sessiontoken.Key
	hasher   sessiontoken.Hasher
}

// steal reads what a thief of the store's directory and of a backup has.
func steal(t *testing.T, dir, backup string) (th thief) {
	t.Helper()
	seal, err := os.ReadFile(filepath.Join(dir, "seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		var record struct {
			Key   string
			Value struct {
				ID     string
				Sealed []byte
				Key    []byte
			}
		}
		if json.Unmarshal(line, &record) != nil {
			continue
		}
		switch v := record.Value; {
		case strings.HasPrefix(record.Key, "sealed."):
			private, err := aead.Open(nil, nil, v.Sealed, []byte(v.ID))
			if err != nil {
				t.Fatal(err)
			}
			k, err := token.ParseKey(private, v.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			th.keys = append(th.keys, k)
		case record.Key == "hashes":
			if th.hasher, err = sessiontoken.NewHasher(v.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Session keys are in no backup, but in the files of every edge.
	secret := regexp.MustCompile(`"secret":"([A-Za-z0-9+/=]{43,})"`)
	found := make(map[string]bool)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range secret.FindAllSubmatch(data, -1) {
			if raw, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil && !found[string(raw)] {
				found[string(raw)] = true
				if k, err := sessiontoken.NewKey(raw); err == nil {
					th.sessions = append(th.sessions, k)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(th.keys) < 2 || len(th.sessions) == 0 || !th.hasher.Valid() {
		t.Fatalf("the thief has %d keys and %d session keys", len(th.keys), len(th.sessions))
	}
	return th
}

// mint makes a token with each key, and a session with each session key that says to have
// begun with a token of one of them.
func (th thief) mint(t *testing.T) (all []string) {
	t.Helper()
	now := time.Now().Unix()
	for _, k := range th.keys {
		text, err := jwt.Sign(&token.Grant{ID: token.NewID(8), Org: "org1", Streams: []string{"cam"}, IssuedAt: now, Expires: now + 3600, KeyID: k.ID, Key: k}, k)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
		for _, s := range th.sessions {
			all = append(all, s.Mint(sessiontoken.Token{
				ID: [8]byte{1}, Expires: now + 3600, IssuedAt: now, Key: th.hasher.Key(k), TokenID: th.hasher.Hash("token", "org1", "any"), Prefix: -1,
			}, sessiontoken.Scope{Org: "org1", Stream: "cam", Address: netip.MustParseAddr("127.0.0.1")}))
		}
	}
	return all
}

// Whoever has seal.key, a backup and an edge's files is refused everywhere after key rotate
// --compromised and --sessions --now, sessions minted before included; what was running
// ends. Tokens of after play.
func TestStolenSecretsAreWithdrawn(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, new(endless), issuer, nil)
	i.do(t, "org", "create", "org1")
	i.do(t, "key", "rotate") // so that there is one that only verifies
	i.do(t, "key", "rotate")
	honest := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	dir, backup := i.env["STORE"], filepath.Join(t.TempDir(), "a.backup")
	i.do(t, "backup", backup)
	th := steal(t, dir, backup)
	if len(th.keys) < 4 {
		t.Fatalf("the thief has %d keys", len(th.keys))
	}
	status := func(text string) int {
		t.Helper()
		return headOf(t, i.Server, "/live/org1/cam/stall?token="+text)
	}
	before := th.mint(t)
	for n, text := range before {
		if got := status(text); got != http.StatusOK {
			t.Fatalf("%d of %d: the thief's token does not play before: %d", n, len(before), got)
		}
	}
	// Sessions that are running.
	running := make([]net.Conn, 0, len(before))
	for _, text := range before {
		running = append(running, hold(t, i.Server, "/live/org1/cam/stall?token="+text))
	}

	i.do(t, "key", "rotate", "--sessions")
	for n, text := range before {
		if got := status(text); got != http.StatusOK {
			t.Errorf("%d: after key rotate --sessions: %d", n, got)
		}
	}
	i.do(t, "key", "rotate", "--compromised", "--sessions", "--now")
	for what, texts := range map[string][]string{"before": before, "after": th.mint(t), "to somebody honest": {honest}} {
		for n, text := range texts {
			if got := status(text); got != http.StatusUnauthorized {
				t.Errorf("%d, minted %s: %d", n, what, got)
			}
		}
	}
	for n, conn := range running {
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			t.Errorf("%d goes on: %v", n, err)
		}
	}
	if got := status(i.do(t, "token", "create", "--org", "org1", "--stream", "cam")); got != http.StatusOK {
		t.Errorf("a new token: %d", got)
	}
	if later := steal(t, dir, backup); len(later.sessions) == 0 {
		t.Error("nothing could be stolen anew")
	}
}

// headOf is the status of an answer that may have no end.
func headOf(t *testing.T, s *harness.Server, target string) int {
	t.Helper()
	conn := hold(t, s, target)
	defer conn.Close()
	return conn.(*held).status
}

// held is a connection whose answer has begun.
type held struct {
	net.Conn

	status int
}

// hold asks over a connection of its own, and reads the header and the first byte of the
// answer.
func hold(t *testing.T, s *harness.Server, target string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.Plain(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var got []byte
	for one := make([]byte, 1); !bytes.Contains(got, []byte("\r\n\r\n")); got = append(got, one...) {
		if _, err := conn.Read(one); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
	}
	h := &held{Conn: conn}
	if err := json.Unmarshal(got[9:12], &h.status); err != nil {
		t.Fatalf("%q", got)
	}
	return h
}
