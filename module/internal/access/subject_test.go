package access

import (
	"testing"

	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// What begins is rounded up, but a revocation reaches the second in which a token was
// issued. One that does not say when counts as issued 365 days before it expires.
func TestASubjectIsIssuedInTheSecondOfItsToken(t *testing.T) {
	for _, tt := range []struct {
		grant token.Grant
		want  int64
	}{
		{token.Grant{IssuedAt: 100}, 100},
		{token.Grant{IssuedAt: 101, IssuedWithin: true}, 100},
		{token.Grant{Expires: 365*24*3600 + 100}, 100},
	} {
		if s := SubjectOf(&tt.grant, "cam", sessiontoken.Hasher{}); s.IssuedAt != tt.want {
			t.Errorf("%+v: %d instead of %d", tt.grant, s.IssuedAt, tt.want)
		}
	}
}
