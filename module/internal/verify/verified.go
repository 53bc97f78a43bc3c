package verify

import (
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Verified is a playback token whose signature has held. It does not change.
type Verified struct {
	// Grant is what the token says.
	Grant *token.Grant

	kid, algorithm string // as its header says
	subject        access.Subject
	hasher         sessiontoken.Hasher // of the subject
}

// Subject is what the token can be revoked by, as it plays a stream.
func (v *Verified) Subject(stream string) access.Subject {
	subject := v.subject
	subject.Stream = stream
	return subject
}

// with is the same under another copy of its key.
func (v *Verified) with(key *token.Key) *Verified {
	other, grant := *v, *v.Grant
	grant.KeyID, grant.Key = key.ID, key
	other.Grant = &grant
	return &other
}
