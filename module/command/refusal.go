package command

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/playgate/playgate/module/api/types"
)

// noServerError says that nobody answers who could, what was tried and what to do.
type noServerError struct{ text string }

func (e *noServerError) Error() string { return e.text }

func noServer(format string, args ...any) error { return &noServerError{fmt.Sprintf(format, args...)} }

// unreachable says what to do where nothing answers.
func (s *server) unreachable(cause error) error {
	if s.api == "" {
		return noServer("no running server answers at %s (%v); start it (playgate run --config Caddyfile), name the one that runs with --config FILE or --address HOST:PORT, or use --api URL, which is the only way with admin off", s.name, cause)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](cause); ok {
		return noServer("%s has a certificate that is not trusted here (%v); write the name that the certificate has, or have its issuer trusted (SSL_CERT_FILE names a file of issuers)", s.name, cause)
	}
	return noServer("no server answers at %s (%v); --api is the address of the site that has playgate_api", s.name, cause)
}

// stranger says what to do about an answer that is not Playgate's.
func (s *server) stranger(status int, answer []byte) error {
	if s.api != "" {
		return noServer("%s answers, but not as Playgate's API (HTTP %d); --api is the address of the site that has playgate_api", s.name, status)
	}
	var caddy struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(answer, &caddy) == nil && caddy.Error != "" {
		return noServer("the admin endpoint at %s refuses (HTTP %d): %s", s.name, status, clean(caddy.Error))
	}
	return noServer("what answers at %s is no Playgate, or one of another version (HTTP %d); name the server with --config FILE or --address HOST:PORT", s.name, status)
}

// errNotFound is behind the error of an answer that there is no such thing.
var errNotFound = errors.New("not found")

// notFound is such an error: its text is the other one's.
type notFound struct{ error }

func (notFound) Is(target error) bool { return target == errNotFound }

// refusal is the error that an answer of the API tells, in one line.
func refusal(path string, status int, answer []byte) error {
	var problem types.Problem
	_ = json.Unmarshal(answer, &problem) // the status is left
	parts := make([]string, 0, len(problem.Errors))
	for _, e := range problem.Errors {
		where := e.Location[strings.LastIndexByte(e.Location, '.')+1:]
		if where != "" {
			where += ": "
		}
		parts = append(parts, where+e.Message)
	}
	text := strings.Join(parts, "; ")
	if text == "" {
		text = cmp.Or(problem.Detail, problem.Title, http.StatusText(status), "no reason was given")
	}
	if status == http.StatusNotFound {
		return notFound{fmt.Errorf("%s: %s (HTTP %d)", path, strings.TrimSuffix(clean(text), "."), status)}
	}
	return fmt.Errorf("%s (HTTP %d)", strings.TrimSuffix(clean(text), "."), status)
}
