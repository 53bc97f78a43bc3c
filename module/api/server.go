package api

import (
	"fmt"
	"mime"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/edge"
)

// maxBody is the most that is read of a request, in bytes.
const maxBody = 64 << 10

// logger is the API's own. It tells of our faults, and of nobody's request.
var logger = func() *zap.Logger { return caddy.Log().Named("playgate.api") }

// server is the API on one mount.
type server struct {
	find   func() *app.App
	who    func(*http.Request) (Principal, error) // nil where nobody asks over HTTP
	api    huma.API
	mux    *http.ServeMux
	origin *http.CrossOriginProtection

	described map[string]*huma.Operation // by their ids
	lists     lists
}

// New makes the handler of /api/ and /.well-known/jwks.json. find gives the app
// of the newest configuration; where it gives none, or one without a registry,
// the answer is 503. who says who asks; its errors refuse, those of this
// package, of the registry and of huma (huma.Error400BadRequest) with their
// status, and others with 500.
func New(find func() *app.App, who func(*http.Request) (Principal, error)) http.Handler {
	s := &server{find: find, who: who, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection()}
	s.describe()
	s.addRoutes()
	s.splay()
	s.jwks()
	s.backup()
	s.document()
	return s
}

// addRoutes adds all operations that have a route.
func (s *server) addRoutes() {
	for _, r := range []route{
		ListOrgs, CreateOrg, GetOrg, ChangeOrg, DeleteOrg, BreakGlass, MendGlass,
		ListStreams, CreateStream, GetStream, ChangeStream, DeleteStream,
		ListTokens, CreateToken, CheckToken, GetToken, RevokeToken, VerifyToken,
		ListRevocations, Revoke, PreviewRevocation, UndoRevocation,
		Purge, GetRefusal,
		ListKeys, AddKey, RotateKeys, RetireKey,
		ListAPIKeys, CreateAPIKey, DeleteAPIKey,
		ListEvents, GetStatus,
	} {
		r.register(s)
	}
}

// ServeHTTP answers, also where there is no route.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Playgate-Instance", instanceOf(s.find()))
	defer abort()
	if p := s.refused(r); p != nil {
		p.write(w)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// instanceOf names this process, whether a configuration of Playgate runs or not.
func instanceOf(a *app.App) string {
	if a == nil {
		return edge.Instance()
	}
	return a.Edge().Instance()
}

// abort is deferred by what answers. It ends a request in which something panics,
// and tells the log nothing of what was sent.
func abort() {
	fault := recover()
	if fault == nil {
		return
	}
	if fault != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
		logger().Error("a request failed", zap.String("fault", fmt.Sprintf("%T", fault)), zap.ByteString("stack", debug.Stack()))
	}
	panic(http.ErrAbortHandler) // no answer that looks complete
}

// refused is why no route gets to see a request, or nil.
func (s *server) refused(r *http.Request) *Problem {
	if path.Clean(r.URL.Path) != r.URL.Path {
		return noSuchPath()
	}
	// Behind the admin endpoint there is nothing but the address to say who
	// asks, so a page in the operator's browser must not be able to.
	if s.origin.Check(r) != nil {
		return Refuse(http.StatusForbidden, "pages of other sites cannot use the API")
	}
	if handler, pattern := s.mux.Handler(r); pattern == "" {
		var seen probe
		handler.ServeHTTP(&seen, r)
		if allow := seen.Header().Get("Allow"); allow != "" {
			return Refuse(http.StatusMethodNotAllowed, "this path is for "+allow).with("Allow", allow)
		}
		return Refuse(http.StatusNotFound, "there is nothing by this path; /api/openapi.json lists what there is")
	}
	if r.URL.Path == restorePath {
		if r.Header.Get("Content-Type") != backupType {
			return Refuse(http.StatusUnsupportedMediaType, "send the backup as "+backupType)
		}
		return nil
	}
	if hasBody(r) && !isJSON(r.Header["Content-Type"]) {
		return Refuse(http.StatusUnsupportedMediaType, "send the body as application/json")
	}
	return nil
}

// noSuchPath is the answer to a path that no route can have.
func noSuchPath() *Problem {
	return Refuse(http.StatusNotFound, "there is nothing by this path; write it without // and without a slash at the end")
}

// probe sees what the mux would answer where it has no route.
type probe struct{ header http.Header }

func (p *probe) Header() http.Header {
	if p.header == nil {
		p.header = make(http.Header)
	}
	return p.header
}
func (*probe) Write(b []byte) (int, error) { return len(b), nil }
func (*probe) WriteHeader(int)             {}

func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}

// isJSON is exact, because a form of another site can send other types without
// being asked.
func isJSON(lines []string) bool {
	if len(lines) != 1 {
		return false
	}
	kind, params, err := mime.ParseMediaType(lines[0])
	charset, has := params["charset"]
	return err == nil && kind == "application/json" && (!has || strings.EqualFold(charset, "utf-8"))
}

type callKey struct{}

// call finds out who asks over HTTP, and whether he may.
func (s *server) call(r *http.Request, n need) (*call, error) {
	return s.admit(n, func() (Principal, error) { return s.who(r) })
}

// admit lets in who has the rights that are needed, once it is clear that there is
// something to ask.
func (s *server) admit(n need, who func() (Principal, error)) (*call, error) {
	a := s.find()
	switch {
	case a == nil:
		return nil, unavailable("no configuration with a playgate app is running")
	case a.Registry() == nil && !n.storeless:
		return nil, app.ErrNoStore
	}
	p, err := who()
	if err != nil {
		return nil, strangerProblem(err)
	}
	c := &call{Principal: p.normal(), app: a, registry: a.Registry(), lists: &s.lists, now: time.Now()}
	if err := n.check(&c.Principal); err != nil {
		return nil, err
	}
	if !n.blind && !c.registry.View().Complete() {
		return nil, unavailable("the registry is not known here yet")
	}
	return c, nil
}
