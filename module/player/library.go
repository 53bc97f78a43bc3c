package player

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// hls.js plays HLS in browsers that do not by themselves. It comes from its
// publisher once, and is served from here: viewers ask nobody but the media host.
const (
	libraryVersion = "1.7.4"
	libraryURL     = "https://registry.npmjs.org/hls.js/-/hls.js-" + libraryVersion + ".tgz"
	libraryMember  = "package/dist/hls.min.js"
	librarySHA256  = "cfc70cc9e9fc63d071919e087670abc760c8fd1bc889b88588026e4d22193bbe"
	libraryName    = "hls-" + libraryVersion + ".js"
)

const (
	// fetchTimeout is how long a download may take, and fetchPause how long it
	// is not tried again after a failure.
	fetchTimeout = 30 * time.Second
	fetchPause   = time.Minute
	// maxLibrary bounds what is read of a download.
	maxLibrary = 32 << 20
)

// library is hls.js on this machine.
type library struct {
	dir    string
	url    string
	sha256 string

	mu     sync.Mutex
	plain  []byte
	zipped []byte
	failed time.Time
	err    error
}

// libraries are those of the process, by directory: one download serves all
// configurations.
var libraries = caddy.NewUsagePool()

// acquireLibrary returns the library in a directory, which has to be released.
func acquireLibrary(dir string) *library {
	l, _ := libraries.LoadOrStore(dir, &library{dir: dir, url: libraryURL, sha256: librarySHA256})
	return l.(*library)
}

// release is the end of acquireLibrary.
func (l *library) release() error {
	_, err := libraries.Delete(l.dir)
	return err
}

func (l *library) path() string { return filepath.Join(l.dir, libraryName) }

// get returns the file, as it is and compressed. What is not on disk is
// downloaded; a failure is remembered for [fetchPause].
func (l *library) get(ctx context.Context) (plain, zipped []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.plain != nil {
		return l.plain, l.zipped, nil
	}
	text, err := os.ReadFile(l.path())
	if err == nil {
		err = l.check(text)
	}
	if err != nil {
		if l.err != nil && time.Since(l.failed) < fetchPause {
			return nil, nil, l.err
		}
		// A viewer who goes away does not end what others wait for.
		if text, err = l.download(context.WithoutCancel(ctx)); err != nil {
			l.failed = time.Now()
			l.err = fmt.Errorf("hls.js %s could not be fetched from %s (%w); where this server may not, put the file dist/hls.min.js of that version at %s", libraryVersion, l.url, err, l.path())
			return nil, nil, l.err
		}
		if err := l.keep(text); err != nil {
			l.err = err // it is fetched again after the next start
		}
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		return nil, nil, err
	}
	if err := z.Close(); err != nil {
		return nil, nil, err
	}
	l.plain, l.zipped = text, out.Bytes()
	return l.plain, l.zipped, nil
}

var errDigest = errors.New("its SHA-256 is not the one that this version of Playgate knows")

func (l *library) check(text []byte) error {
	sum := sha256.Sum256(text)
	if hex.EncodeToString(sum[:]) != l.sha256 {
		return errDigest
	}
	return nil
}

func (l *library) download(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", answer.Status)
	}
	unzipped, err := gzip.NewReader(io.LimitReader(answer.Body, maxLibrary))
	if err != nil {
		return nil, err
	}
	for archive := tar.NewReader(io.LimitReader(unzipped, maxLibrary)); ; {
		member, err := archive.Next()
		if err != nil {
			return nil, fmt.Errorf("%s is not in it (%w)", libraryMember, err)
		}
		if member.Name != libraryMember {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		return text, l.check(text)
	}
}

// keep writes the file beside its place first: what is there is always whole.
func (l *library) keep(text []byte) error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(l.dir, libraryName+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), l.path())
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
