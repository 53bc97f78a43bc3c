package types

// TokenQuestion is a token, and the request that it is tried with.
type TokenQuestion struct {
	Token   string `json:"token" doc:"The token, or a URL that carries it."`
	At      string `json:"at,omitempty" doc:"When: a time, or a duration from now. Default: now."`
	IP      string `json:"ip,omitempty" doc:"The viewer's address. Default: not checked."`
	Referer string `json:"referer,omitempty" doc:"The page that embeds the stream. Default: not checked."`
	URL     string `json:"url,omitempty" doc:"The stream's or the player page's URL, which the gate of its host judges. Default: the one that carries the token, or not checked."`
	Rule    string `json:"rule,omitempty" doc:"A stream rule by which the URL is read, in place of the gate's."`
}

// TokenAnswer says whether the token would be accepted, check by check.
type TokenAnswer struct {
	Allowed bool    `json:"allowed"`
	Reason  string  `json:"reason,omitempty" doc:"That of the first check that failed."`
	Checks  []Check `json:"checks"`
	Token   *Token  `json:"token,omitempty" doc:"What the token says, where its signature holds and its organisation is the caller's."`
}

// Check is one check of the gate, with its outcome.
type Check struct {
	Name   string `json:"check"`
	Result string `json:"result"` // ok, failed, or skipped
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text"`
}
