package api

import (
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
)

const (
	backupPath  = "/api/v1/backup"
	restorePath = "/api/v1/restore"

	// backupType is that of JSON lines.
	backupType = "application/jsonl"

	// maxBackup is the most that is read of a backup, in bytes.
	maxBackup = 4 << 30
)

// backup adds the two routes whose bodies are not JSON in one piece. They are
// written by hand, because they stream.
func (s *server) backup() {
	s.raw("GET "+backupPath, toAdministerAll, func(w http.ResponseWriter, r *http.Request, c *call) error {
		if err := c.registry.Writable(); err != nil {
			return err
		}
		c.registry.Audit.Note(r.Context(), c.Name, "backup")
		c.app.Edge().StoreUses(c.registry, 10*time.Second)
		w.Header().Set("Content-Type", backupType)
		if _, err := c.registry.Backup(r.Context(), w); err != nil {
			logger().Error("a backup broke off", zap.Error(err))
			panic(http.ErrAbortHandler) // it would look complete
		}
		return nil
	})
	s.raw("POST "+restorePath, toAdministerAll, func(w http.ResponseWriter, r *http.Request, c *call) error {
		done, err := c.registry.Restore(r.Context(), http.MaxBytesReader(w, r.Body, maxBackup), c.Name)
		if errors.Is(err, registry.ErrBackup) {
			return mistake("body", err.Error()+"; nothing was changed")
		}
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		return json.MarshalWrite(w, types.Restored(*done))
	})
	secured := []map[string][]string{{"apikey": {}}}
	lines := map[string]*huma.MediaType{backupType: {Schema: &huma.Schema{Type: "string"}}}
	failed := &huma.Response{Description: "What went wrong", Content: map[string]*huma.MediaType{
		problemType: {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
	}}
	doc := s.api.OpenAPI()
	doc.AddOperation(&huma.Operation{
		OperationID: "backup", Method: http.MethodGet, Path: backupPath, Tags: []string{"backup"}, Security: secured,
		Summary: "Gives all records", Description: "Private keys are in it as they are stored, sealed; session keys are not.",
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: lines}, "default": failed},
	})
	doc.AddOperation(&huma.Operation{
		OperationID: "restore", Method: http.MethodPost, Path: restorePath, Tags: []string{"backup"}, Security: secured,
		Summary: "Makes all records those of a backup", Description: "What was changed after it is lost.",
		RequestBody: &huma.RequestBody{Required: true, Content: lines},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[types.Restored](), true, "Restored")},
		}}, "default": failed},
	})
}

// raw adds a route that reads and writes by itself.
func (s *server) raw(pattern string, n need, handle func(http.ResponseWriter, *http.Request, *call) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		c, err := s.call(r, n)
		if err == nil {
			for name := range r.URL.Query() {
				err = mistake(safeLocation("query."+name), "there is no such parameter here; leave it out")
			}
		}
		if err == nil {
			err = handle(w, r, c)
		}
		if err != nil {
			problemOf(err).write(w)
		}
	})
}
