package gate

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/token"
)

// sink is the cheapest client: the figures are the gate's own.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

// benchGate is newGate with any key.
func benchGate(b *testing.B, key *token.Key) *Handler {
	b.Helper()
	where := "file " + keyFile(b, key)
	if key.Symmetric() {
		where = "secret {file." + keyFile(b, key) + "}"
	}
	a := new(app.App)
	if err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("playgate {\nstore off\nkey " + key.ID + " {\n" + where + "\n}\n}")); err != nil {
		b.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{app.ID: caddyconfig.JSON(a, nil)}})
	if err != nil {
		b.Fatal(err)
	}
	module, err := ctx.LoadModuleByID("http.handlers.playgate", caddyconfig.JSON(&Handler{Streams: []Stream{{Path: "/live/{org}/{stream}/*"}}}, nil))
	if err != nil {
		b.Fatal(err)
	}
	h := module.(*Handler)
	h.now = func() time.Time { return noon }
	h.logger = zap.NewNop()
	return h
}

// BenchmarkServeHTTP is the hot path: one segment, from the request that
// Caddy's server has prepared to the answer of the handler below. "prepare" is
// what the benchmark itself needs for each request, to be taken off.
func BenchmarkServeHTTP(b *testing.B) {
	eddsa, hs256 := testKey, newKey("secret", token.HS256)
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h["Content-Type"] = []string{"video/iso.segment"}
		h["Cache-Control"] = []string{"max-age=3600"}
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(nil)
		return err
	})
	headers := []string{"User-Agent: player", "Accept: */*", "Accept-Encoding: gzip, br", "Referer: https://page.test/watch", "Origin: https://page.test"}
	for _, bm := range []struct {
		name, target string
		key          *token.Key
	}{
		{"EdDSA", media + "?token=" + mintWith(b, eddsa, nil), eddsa},
		{"HS256", media + "?token=" + mintWith(b, hs256, nil), hs256},
		{"refusal/missing", media, eddsa},
		{"refusal/signature", media + "?token=" + mintWith(b, newKey(eddsa.ID, token.EdDSA), nil), eddsa},
		{"prepare", "", nil},
		{"bare", media + "?token=" + mintWith(b, eddsa, nil), eddsa},
		{"bare/prepare", "", nil},
	} {
		headers := headers
		if strings.HasPrefix(bm.name, "bare") { // of a load generator, without a log
			headers = nil
		}
		b.Run(bm.name, func(b *testing.B) {
			var h *Handler
			if bm.key != nil {
				h = benchGate(b, bm.key)
				h.accessLog = headers != nil
			}
			w := &sink{}
			b.ReportAllocs()
			for b.Loop() {
				r := request(http.MethodGet, media+bm.target[min(len(media), len(bm.target)):], headers...)
				w.header = make(http.Header, 8)
				if h == nil {
					continue
				}
				if err := h.ServeHTTP(w, r, next); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
