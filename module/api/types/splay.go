package types

import "github.com/go-json-experiment/json/jsontext"

// SplayToken is a token to be made: exactly one of streams and orgawide.
type SplayToken struct {
	GroupID         jsontext.Value `json:"groupid,omitempty" doc:"Refused: there are no groups here."`
	Streams         []string       `json:"streams,omitempty"`
	OrgaWide        *bool          `json:"orgawide,omitempty"`
	NBF             *int64         `json:"nbf,omitempty" doc:"Seconds since 1970."`
	Exp             *int64         `json:"exp,omitempty" doc:"Seconds since 1970. Default: as of POST /api/v1/tokens."`
	Domain          *string        `json:"domain,omitempty" doc:"A page that may embed it."`
	IP              jsontext.Value `json:"ip,omitempty" doc:"An address or prefix, or up to 10 of them."`
	Tag             string         `json:"tag,omitempty"`
	User            string         `json:"user,omitempty"`
	Cust            jsontext.Value `json:"cust,omitempty" doc:"Refused: not supported yet."`
	Revocable       *bool          `json:"revocable,omitempty" doc:"Every token can be revoked here, whatever this says, and true makes no token shorter."`
	ForceDisconnect *bool          `json:"forceDisconnect,omitempty" doc:"What runs ends when its token expires, whatever this says, at every gate but those with cut off."`
}

// SplayVerify is a token to be verified.
type SplayVerify struct {
	Token string `json:"token"`
}

// SplayRevoke is a token to be revoked.
type SplayRevoke struct {
	Token string `json:"token"`
}

// SplayAnswer is the answer to all of them; a token that was revoked has none.
type SplayAnswer struct {
	Success   bool       `json:"success"`
	Data      *SplayData `json:"data,omitempty"`
	ErrorCode int        `json:"errorCode,omitempty"`
	Message   string     `json:"message,omitempty"`
}

// SplayData has the token in it.
type SplayData struct {
	Token string `json:"token"`
}
