package types

import "time"

// Restored is what a restore has done.
type Restored struct {
	Time    time.Time `json:"time"` // of the backup
	Records int       `json:"records"`
	Removed int       `json:"removed"` // records that the backup does not have
	// Sealed says that the backup's private keys can be read here. Where they
	// cannot, its tokens play, but new ones need another key.
	Sealed bool `json:"sealed"`
}
