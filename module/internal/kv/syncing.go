package kv

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"
)

// A NATS server syncs to its disk every two minutes unless it is told
// sync_interval: always. When the power of all of them fails, what was
// acknowledged in between is gone, revocations too. Clients are not told how a
// server syncs; its monitoring endpoint says it.

// syncEvery is how often the operator's servers are asked how they sync.
const syncEvery = time.Hour

// WatchSync logs the operator's servers that do not sync every write, until the
// context ends. monitors are the URLs of their monitoring endpoints.
func WatchSync(ctx context.Context, monitors []string, logger *zap.Logger) {
	if len(monitors) == 0 {
		logger.Info("nobody knows whether the NATS servers sync every write; they should have sync_interval: always in their jetstream block. Name their monitoring URLs to have it looked at: monitor http://10.0.0.1:8222")
		return
	}
	told := make(map[string]string)
	for {
		for _, monitor := range monitors {
			text, level := "it syncs every write", logger.Info
			switch interval, err := syncsEvery(ctx, monitor); {
			case ctx.Err() != nil:
				return
			case err != nil:
				text, level = fmt.Sprintf("nobody knows whether it syncs every write: %v", err), logger.Warn
			case interval > 0:
				text, level = fmt.Sprintf("it syncs only every %s: when its power fails, what was acknowledged in between is lost; write sync_interval: always into its jetstream block", interval), logger.Warn
			}
			if told[monitor] != text {
				told[monitor] = text
				level("a NATS server of the registry: "+text, zap.String("monitor", monitor))
			}
		}
		select {
		case <-time.After(syncEvery):
		case <-ctx.Done():
			return
		}
	}
}

// syncsEvery asks a server's monitoring endpoint how often it syncs; 0 is with
// every write.
func syncsEvery(ctx context.Context, monitor string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(monitor, "/")+"/jsz", nil)
	if err != nil {
		return 0, err
	}
	response, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(request)
	if err != nil {
		if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // the client's own
			err = wrapped.Err // without the URL, which may have a password
		}
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // read or not
	var answer struct {
		Disabled bool `json:"disabled"`
		Config   *struct {
			Interval time.Duration `json:"sync_interval"`
			Always   bool          `json:"sync_always"`
		} `json:"config"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 16<<20)).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("this is no monitoring endpoint of a NATS server (status %d)", response.StatusCode)
	}
	switch {
	case answer.Disabled || answer.Config == nil:
		return 0, fmt.Errorf("the server has no JetStream")
	case answer.Config.Always:
		return 0, nil
	}
	return max(answer.Config.Interval, 1), nil
}
