package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/internal/seal"
)

// Problem is the answer that says what went wrong (RFC 9457), with the headers
// that go with it. It never repeats what was sent.
type Problem struct { //nolint:errname // its name in the OpenAPI document
	types.Problem

	header http.Header
}

// Refuse is a problem of an HTTP status, with what to change, or why it cannot be
// done.
func Refuse(status int, detail string) *Problem {
	return &Problem{Problem: types.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}}
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the headers of the answer.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

func (p *Problem) with(header, value string) *Problem {
	if p.header == nil {
		p.header = make(http.Header)
	}
	p.header.Set(header, value)
	return p
}

// at adds where the mistake is.
func (p *Problem) at(location string) *Problem {
	p.Errors = append(p.Errors, types.Mistake{Location: location, Message: p.Detail})
	return p
}

// mistake is a mistake in the request.
func mistake(location, message string) *Problem {
	return Refuse(http.StatusUnprocessableEntity, message).at(location)
}

// saidElsewhere: what the configuration says wins, and is changed there.
func saidElsewhere(location string) *Problem {
	return Refuse(http.StatusConflict, "the configuration says it; change it there").at(location)
}

// tooMany: the address has failed too often to say who it is.
func tooMany(wait time.Duration) *Problem {
	return Refuse(http.StatusTooManyRequests, "too many requests without a valid API key from this address; wait, and then send a valid one").
		with("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

// unavailable: the registry cannot be asked now.
func unavailable(detail string) *Problem {
	return Refuse(http.StatusServiceUnavailable, detail).with("Retry-After", "2")
}

// problemOf makes every error an answer. What is not known here is our fault,
// and only told to the log.
func problemOf(err error) *Problem {
	var problem *Problem
	var field *issue.Error
	var model *huma.ErrorModel
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &model):
		return fromHuma(model)
	case errors.As(err, &field):
		return mistake("body."+field.Field, field.Advice())
	case errors.Is(err, registry.ErrNotFound):
		return Refuse(http.StatusNotFound, "there is none by this name")
	case errors.Is(err, registry.ErrExists):
		return Refuse(http.StatusConflict, "it exists already; change it, or choose another name")
	case errors.Is(err, registry.ErrConflict), errors.Is(err, registry.ErrTooManyFuture), errors.Is(err, app.ErrNotVerified):
		// What is in the way is named behind it.
		return Refuse(http.StatusConflict, strings.TrimPrefix(err.Error(), registry.ErrConflict.Error()+": "))
	case errors.Is(err, registry.ErrCondition):
		return Refuse(http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, app.ErrNoStore):
		return Refuse(http.StatusServiceUnavailable, app.ErrNoStore.Error())
	case errors.Is(err, registry.ErrNotInForce):
		return unavailable(err.Error())
	case errors.Is(err, registry.ErrUnavailable), errors.Is(err, seal.ErrSealed):
		return unavailable(err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable(registry.ErrUnavailable.Error())
	}
	logger().Error("a request failed", zap.Error(err))
	return Refuse(http.StatusInternalServerError, "the server failed; its log says why")
}

// strangerProblem is the answer to one of whom nobody knows who it is. It tells
// nothing of this machine.
func strangerProblem(err error) *Problem {
	switch {
	case errors.Is(err, registry.ErrNoAPIKey), errors.Is(err, errNoKey):
		return Refuse(http.StatusUnauthorized, err.Error()).with("WWW-Authenticate", "Bearer")
	case errors.Is(err, registry.ErrUnavailable):
		return unavailable(registry.ErrUnavailable.Error())
	}
	return problemOf(err)
}

// write sends the problem as the answer.
func (p *Problem) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone
}

// fromHuma takes over what huma found, without the values that it repeats.
func fromHuma(m *huma.ErrorModel) *Problem {
	detail := m.Detail
	switch {
	case m.Status >= http.StatusInternalServerError:
		return Refuse(m.Status, "the request could not be read")
	case m.Status == http.StatusRequestEntityTooLarge:
		detail = "the body is too large; at most 64 KiB are read"
	case len(m.Errors) > 0:
		detail = "the request is not as it has to be; errors says where"
	}
	p := Refuse(m.Status, detail)
	for _, e := range m.Errors {
		message := e.Message
		if where, empty := strings.CutPrefix(message, emptyValue+"\n"); empty {
			where = index.ReplaceAllString(where, "[$1]")
			message, e = emptyValue, &huma.ErrorDetail{Location: where}
		}
		switch message {
		case validation.MsgUnexpectedProperty:
			message = "there is no such member here; leave it out"
		case "unknown query parameter":
			message = "there is no such parameter here; leave it out"
		}
		p.Errors = append(p.Errors, types.Mistake{Location: safeLocation(e.Location), Message: message})
	}
	return p
}

// index is one of a list, in a pointer.
var index = regexp.MustCompile(`\.([0-9]{1,4})\b`)

// location is a place in a request, with names as the API's own are.
var location = regexp.MustCompile(`^(body|query|path|header)(\.[a-z_]{1,32}|\[[0-9]{1,4}\])*$`)

// safeLocation is a place without names that the client made up: one could be
// a token.
func safeLocation(s string) string {
	if location.MatchString(s) {
		return s
	}
	place, _, _ := strings.Cut(s, ".")
	return place
}
