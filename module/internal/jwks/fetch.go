package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// timeout bounds one fetch from the first byte to the last.
const timeout = 10 * time.Second

// client fetches key sets. It follows no redirect: the address that the
// operator wrote is the one that is trusted.
var client = &http.Client{
	Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableKeepAlives:      true, // one answer in minutes
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// read gets the document. No error shows user information or a query.
func (l Location) read(ctx context.Context, within time.Duration) ([]byte, error) {
	if l.File() {
		return l.readFile()
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	document, err := l.fetch(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("no complete answer within %v", within)
	}
	return document, err
}

func (l Location) fetch(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url.String(), nil)
	if err != nil {
		return nil, errors.New("the URL cannot be asked for")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", "playgate")
	answer, err := client.Do(request)
	if err != nil {
		if whole, ok := errors.AsType[*url.Error](err); ok {
			err = whole.Err // without the URL
		}
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // nothing was written
	switch {
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return nil, fmt.Errorf("status %d: redirects are not followed; write the address of the key set itself", answer.StatusCode)
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("status %d instead of 200", answer.StatusCode)
	}
	return readAll(answer.Body)
}

func (l Location) readFile() ([]byte, error) {
	// Not blocked by a pipe that nobody writes to.
	f, err := os.OpenFile(l.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() == 0:
		return nil, errors.New("the file is empty")
	}
	return readAll(f)
}

// readAll reads a document of no more than MaxBytes, however long it says that
// it is and whatever it is compressed to.
func readAll(r io.Reader) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err == nil && len(document) > MaxBytes {
		err = errTooLarge
	}
	if err != nil {
		return nil, err
	}
	return document, nil
}
