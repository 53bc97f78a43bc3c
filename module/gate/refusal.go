package gate

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/problem"
)

// typeBase is where each reason is explained; the reason is its fragment.
const typeBase = "https://github.com/playgate/playgate/blob/main/docs/refusals.md#"

// refuse answers with the reason. Nothing below the gate sees the request, and nobody
// above it or in error routes finds a token in it any more.
func (x *exchange) refuse(v access.Verdict) error {
	if v.Reason == "" {
		v.Reason = access.Internal
	}
	status := v.Reason.Status()
	x.id = problem.NewID()
	x.counted = true
	x.h.app.Metrics().Count(app.Refused, v.Reason)
	x.log(v.Reason)

	x.note(v.Reason)
	x.strip()

	h := x.w.Header()
	x.answerHeader(h)
	switch status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{challenge(v.Reason)}
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter)
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.FormatInt(int64((x.wait+time.Second-1)/time.Second), 10))
	case http.StatusMethodNotAllowed:
		h.Set("Allow", x.methods())
	}
	if x.h.ErrorsPass {
		return x.handOn(status, string(x.told(v.Reason)))
	}
	p := problem.Document{Title: v.Reason.Title(), Status: status, Reason: string(x.told(v.Reason)), ID: x.id}
	p.Type = typeBase + p.Reason
	switch {
	case x.told(v.Reason) == forbidden:
		p.Title = "This token does not open this stream here"
	case x.h.Errors == "verbose" || v.Reason == access.MalformedToken || status == http.StatusBadRequest:
		p.Detail = v.Detail
	}
	if v.Reason == access.Expired && x.credential.Grant != nil {
		p.ExpiredAt = x.credential.Grant.ExpiresAt().UTC()
	}
	x.write(&p)
	return nil
}

// retryAfter is in seconds: what is out of reach comes back soon, or not at all.
const retryAfter = "2"

// handOn returns an error for the site's error routes, which find the id and
// the reason in placeholders. Its text is fit for viewers.
func (x *exchange) handOn(status int, reason string) error {
	if repl, ok := x.r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.playgate.reason", reason)
		repl.Set("http.playgate.id", x.id)
	}
	return caddyhttp.Error(status, errors.New(reason))
}

// forbidden is what every 403 is called where errors are terse, so that a
// token for one stream does not tell which others exist, or for whom.
const forbidden access.Reason = "forbidden"

// told is the reason as the client may know it.
func (x *exchange) told(r access.Reason) access.Reason {
	if x.h.Errors == "terse" && r.Status() == http.StatusForbidden {
		return forbidden
	}
	return r
}

// challenge is as RFC 6750, section 3: no error when there was no token.
func challenge(r access.Reason) string {
	if r == access.MissingToken {
		return `Bearer realm="playgate"`
	}
	return `Bearer realm="playgate", error="invalid_token"`
}

// fail answers for a handler below the gate that could not. Its text stays
// here: it is for the operator.
func (x *exchange) fail(status int, cause error) error {
	x.id = problem.NewID()
	x.count()
	x.log("")
	level := zap.ErrorLevel
	if status < 500 {
		level = zap.DebugLevel
	}
	if c := x.h.logger.Check(level, "what stands below the gate failed"); c != nil {
		c.Write(zap.String("playgate_id", x.id), zap.Int("status", status), zap.Error(cause),
			zap.String("playgate_org", x.target.Org), zap.String("playgate_stream", x.target.Stream))
	}
	x.resetHeader()
	x.answerHeader(x.w.Header())
	if status == http.StatusServiceUnavailable {
		x.w.Header().Set("Retry-After", retryAfter)
	}
	if x.h.ErrorsPass {
		return x.handOn(status, "origin")
	}
	p := problem.Document{Type: "about:blank", Title: http.StatusText(status), Status: status, ID: x.id}
	if title, ok := originTitles[status]; ok {
		p.Title = title
	}
	if p.Title == "" {
		p.Title = "The stream cannot be played at the moment"
	}
	x.write(&p)
	return nil
}

var originTitles = map[int]string{
	http.StatusNotFound:           "The stream is not there",
	http.StatusBadGateway:         "The origin of the stream cannot be reached, or its answer cannot be used",
	http.StatusServiceUnavailable: "The origin of the stream is not available",
	http.StatusGatewayTimeout:     "The origin of the stream does not answer",
}

// answerHeader sets what all answers of the gate itself have.
func (x *exchange) answerHeader(h http.Header) {
	x.allowPages(h)
	h["Cache-Control"] = []string{"no-store"}
	h["Playgate-Id"] = []string{x.id}
}

func (x *exchange) write(p *problem.Document) {
	body, err := p.Append(make([]byte, 0, 512))
	if err != nil { // a detail is not text
		body = []byte("{}\n")
	}
	h := x.w.Header()
	h["Content-Type"] = []string{"application/problem+json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	x.w.WriteHeader(p.Status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body)
	}
}
