package module_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/playgate/playgate/module"
	"github.com/playgate/playgate/module/internal/keyfile"
	"github.com/playgate/playgate/module/token"
)

var update = flag.Bool("update", false, "write the JSON of testdata/adapt anew")

const dashes = "\n----------\n"

// Each file of testdata/adapt is a Caddyfile, a line of dashes, and what it
// adapts to: JSON, which must load too, or else the words that the error must
// say, one phrase a line. They are the error of adapting it, or of loading it.
func TestCaddyfileAdapt(t *testing.T) {
	testKeys(t)
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			caddyfile, expected, ok := strings.Cut(string(data), dashes)
			if !ok {
				t.Fatal("no line of dashes")
			}
			caddyfile += "\n"
			config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
			if good := strings.HasPrefix(expected, "{\n"); good || expected == "" && *update {
				if err != nil {
					t.Fatal(err)
				}
				compare(t, file, caddyfile, config, expected)
				if err := validate(config); err != nil {
					t.Errorf("does not load: %v", err)
				}
				return
			}
			if err == nil {
				err = validate(config)
			}
			if err == nil {
				t.Fatalf("accepted:\n%s", caddyfile)
			}
			for phrase := range strings.Lines(expected) {
				if phrase = strings.TrimSpace(phrase); !strings.Contains(err.Error(), phrase) {
					t.Errorf("the error does not say %q:\n%v", phrase, err)
				}
			}
			if strings.Contains(err.Error(), plainSecret) {
				t.Errorf("the error holds the secret:\n%v", err)
			}
		})
	}
}

func compare(t *testing.T, file, caddyfile string, config []byte, expected string) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, config, "", "\t"); err != nil {
		t.Fatal(err)
	}
	got := pretty.String() + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimSuffix(caddyfile, "\n")+dashes+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != expected {
		t.Errorf("adapts to\n%s\ninstead of\n%s", got, expected)
	}
}

// validate provisions a configuration as playgate validate does.
func validate(config []byte) error {
	var parsed caddy.Config
	if err := json.Unmarshal(config, &parsed); err != nil {
		return err
	}
	return caddy.Validate(&parsed)
}

const plainSecret = "0123456789abcdef0123456789abcdef0123456789"

// testKeys sets what the files name: keys in the environment, by placeholders
// that end up in the JSON as they are, or by {$NAME}, which Caddy replaces.
func testKeys(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	generate := func(id, algorithm string) string {
		key, err := token.GenerateKey(id, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := key.MarshalJWK(false)
		if err != nil {
			t.Fatal(err)
		}
		return write(id+".jwk", string(jwk))
	}
	open := write("open.jwk", "")
	if data, err := os.ReadFile(generate("open", token.EdDSA)); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(open, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	public, err := keyfile.Read(generate("published", token.ES256), "", "")
	if err != nil {
		t.Fatal(err)
	}
	published, err := public.MarshalJWK(true)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PLAYGATE_JWKS":        write("jwks.json", `{"keys":[`+string(published)+`]}`),
		"PLAYGATE_KEY":         generate("main", token.EdDSA),
		"PLAYGATE_KEY_TWO":     generate("two", token.ES256),
		"PLAYGATE_KEY_OPEN":    open,
		"PLAYGATE_KEY_EMPTY":   write("empty.jwk", ""),
		"PLAYGATE_KEY_TEXT":    write("text.jwk", "no key"),
		"PLAYGATE_KEY_MISSING": filepath.Join(dir, "nowhere.jwk"),
		"PLAYGATE_SECRET":      plainSecret,
		"PLAYGATE_SHORT":       plainSecret[:16],
		"PLAYGATE_NOTHING":     "",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
}
