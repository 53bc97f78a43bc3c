package edge

import (
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/registry"
)

// config is a configuration without a registry.
type config struct {
	logger *zap.Logger
	ends   func(*access.Subject) access.Reason
}

func (c *config) Ends(s *access.Subject, _ time.Time) access.Reason {
	if c.ends == nil {
		return ""
	}
	return c.ends(s)
}

func (*config) Ready(time.Time) bool         { return true }
func (*config) Registry() *registry.Registry { return nil }
func (c *config) Logger() *zap.Logger        { return c.logger }
