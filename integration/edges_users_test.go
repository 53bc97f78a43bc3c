package integration_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/playgate/playgate/integration/harness"
)

// Edges reach servers by TLS, as a user with the permissions of the documentation
// and no other, by a password or by a file of credentials.
func TestEdgesByUser(t *testing.T) {
	t.Parallel()
	const password = "only-for-this-test"
	documented := docBlockOf(t, "nats users")
	tls, _, found := strings.Cut(documented, "\n\n")
	if !found {
		t.Fatalf("no empty line behind tls:\n%s", documented)
	}
	dir := t.TempDir()
	certificate, key := certificateFor(t, dir)
	operator, credentials := operatorMode(t, dir, allowed(t, documented, "publish"), allowed(t, documented, "subscribe"))
	for name, tc := range map[string]struct{ conf, user, block string }{
		"a password":  {documented, "edge:{$EDGE_PASSWORD}@", ""},
		"credentials": {tls + "\n" + operator, "", " {\n\t\t\tcredentials " + credentials + "\n\t\t}"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := harness.Loopback(harness.Port(t))
			conf := fmt.Sprintf("listen: %q\njetstream {\n\tstore_dir: %q\n}\n", addr, t.TempDir()) +
				strings.NewReplacer("/etc/nats/cert.pem", certificate, "/etc/nats/key.pem", key).Replace(tc.conf)
			path := filepath.Join(t.TempDir(), "nats.conf")
			if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			secret := "EDGE_PASSWORD=" + password
			server := harness.StartProcess(t, append(os.Environ(), secret), dir, harness.NATSServer(t), "-c", path)
			origin := harness.NewOrigin(t, nil)
			site := strings.Replace(edgeSite, "{$NATS} {\n\t\t\tmonitor {$MONITOR}\n\t\t}", "tls://"+tc.user+addr+tc.block, 1)
			var edges []*edge
			for range 2 {
				data := t.TempDir()
				e := &edge{dir: filepath.Join(data, "caddy", "playgate")}
				if len(edges) > 0 {
					e.takeSealKey(t, edges[0].dir)
				}
				e.Server = harness.Serve(t, site, harness.Env{"ORIGIN": origin.Addr, "XDG_DATA_HOME": data, "EDGE_PASSWORD": password, "SSL_CERT_FILE": certificate})
				harness.Wait(t, "the edge to be ready", func() bool { return e.status("/readyz") == http.StatusOK })
				edges = append(edges, e)
			}
			edges[0].do(t, "org", "create", "org1")
			token := edges[0].tokens(t, 1)[0]
			harness.Wait(t, "the token to play", func() bool { return edges[1].status(target(token)) == http.StatusOK })
			// They ask each other, and follow on after the servers were away.
			var use struct{ Viewers int }
			harness.Wait(t, "the other edge to be asked", func() bool {
				return edges[0].api(t, "GET", "tokens/"+harness.TokenID(t, token)+"?org=org1", nil, &use) == http.StatusOK && use.Viewers == 1
			})
			_ = server.End(syscall.SIGTERM, harness.Deadline) // its own error is nothing to us
			harness.Wait(t, "the server to be missed", func() bool { return edges[0].staleness(t) > 2 })
			harness.StartProcess(t, append(os.Environ(), secret), dir, harness.NATSServer(t), "-c", path)
			harness.Wait(t, "the edges to follow", func() bool { return edges[0].staleness(t) < 2 && edges[1].staleness(t) < 2 })
			if !edges[1].revoke(t, token) {
				t.Fatal("not acknowledged")
			}
			harness.Wait(t, "the token to be refused", func() bool { return edges[0].status(target(token)) == http.StatusUnauthorized })
			for _, e := range edges {
				if err := e.Stop(); err != nil {
					t.Error(err)
				}
				if said := e.Output(); strings.Contains(strings.ToLower(said), "permissions violation") || strings.Contains(said, password) {
					t.Errorf("a permission is missing, or the password was told:\n%s", said)
				}
			}
		})
	}
}

// allowed are the documentation's subjects.
func allowed(t *testing.T, text, what string) (subjects []string) {
	t.Helper()
	found := regexp.MustCompile(`(?s)\b` + what + `: (\[.*?\])`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("nothing to %s", what)
	}
	if err := json.Unmarshal([]byte(found[1]), &subjects); err != nil {
		t.Fatal(err)
	}
	return subjects
}

// certificateFor makes a certificate for loopback, which is its own authority.
func certificateFor(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: text}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", secret)
}

// operatorMode is a server's configuration with an operator, and a file of
// credentials for a user with these permissions.
func operatorMode(t *testing.T, dir string, publish, subscribe []string) (conf, credentials string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	identity := func(make func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		t.Helper()
		pair, err := make()
		must(err)
		public, err := pair.PublicKey()
		must(err)
		return pair, public
	}
	operator, operatorKey := identity(nkeys.CreateOperator)
	account, accountKey := identity(nkeys.CreateAccount)
	_, systemKey := identity(nkeys.CreateAccount)
	user, userKey := identity(nkeys.CreateUser)

	o := jwt.NewOperatorClaims(operatorKey)
	o.SystemAccount = systemKey
	operatorJWT, err := o.Encode(operator)
	must(err)
	a := jwt.NewAccountClaims(accountKey)
	a.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	accountJWT, err := a.Encode(operator)
	must(err)
	systemJWT, err := jwt.NewAccountClaims(systemKey).Encode(operator)
	must(err)
	u := jwt.NewUserClaims(userKey)
	u.Permissions.Pub.Allow, u.Permissions.Sub.Allow = publish, subscribe
	userJWT, err := u.Encode(account)
	must(err)
	seed, err := user.Seed()
	must(err)
	text, err := jwt.FormatUserConfig(userJWT, seed)
	must(err)
	credentials = filepath.Join(dir, "edge.creds")
	must(os.WriteFile(credentials, text, 0o600))
	return fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: {\n\t%s: %s\n\t%s: %s\n}\n",
		operatorJWT, systemKey, systemKey, systemJWT, accountKey, accountJWT), credentials
}
