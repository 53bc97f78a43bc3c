// Package module is what xcaddy builds Playgate with:
//
//	xcaddy build --with github.com/playgate/playgate/module
//
// It imports everything that registers with Caddy.
package module

import (
	// The handlers, the API on both of its mounts, commands and log encoders of
	// Playgate.
	_ "github.com/playgate/playgate/module/admin"
	_ "github.com/playgate/playgate/module/api"
	_ "github.com/playgate/playgate/module/cache"
	_ "github.com/playgate/playgate/module/command"
	_ "github.com/playgate/playgate/module/console"
	_ "github.com/playgate/playgate/module/gate"
	_ "github.com/playgate/playgate/module/logging"
	_ "github.com/playgate/playgate/module/player"
)
