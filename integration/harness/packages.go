//go:build players

package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Packages are the players from npm, as integration/players/package-lock.json
// has them.
type Packages struct {
	// Source is integration/players.
	Source string
	// Dir is the node_modules directory.
	Dir string
}

var packages once[Packages]

// InstallPackages gives the players. They are installed into the user's cache
// directory when this version of the lock file is used there first.
func InstallPackages(t testing.TB) Packages {
	t.Helper()
	source := filepath.Join(Root(t), "integration", "players")
	return packages.get(t, func() (Packages, error) {
		lock, err := os.ReadFile(filepath.Join(source, "package-lock.json"))
		if err != nil {
			return Packages{}, err
		}
		cache, err := os.UserCacheDir()
		if err != nil {
			return Packages{}, err
		}
		sum := sha256.Sum256(lock)
		dir := filepath.Join(cache, "playgate-test-tools", "players-"+hex.EncodeToString(sum[:6]))
		if _, err := os.Stat(dir); err != nil {
			if err := installPackages(source, dir); err != nil {
				return Packages{}, err
			}
		}
		return Packages{source, filepath.Join(dir, "node_modules")}, nil
	})
}

// installPackages works beside the directory and renames at the end: what is
// there is always whole.
func installPackages(source, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "players-new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), text, 0o644); err != nil {
			return err
		}
	}
	// No package needs its install script, and none gets to run one.
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = work
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, text)
	}
	err = os.Rename(work, dir)
	if _, there := os.Stat(dir); there == nil {
		return nil // another run of the tests may have been faster
	}
	return err
}

// Version is the version of a package.
func (p Packages) Version(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Dir, name, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Version string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return manifest.Version
}
