package types

import "time"

// Refusal is a request that a gate has refused, on any node that answers.
type Refusal struct {
	ID      string    `json:"id" doc:"As the viewer saw it."`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
	Title   string    `json:"title" doc:"The reason in words."`
	Status  int       `json:"status"`
	Org     string    `json:"org,omitempty" doc:"Whose stream was asked for; left out where that is not known."`
	Stream  string    `json:"stream,omitempty"`
	TokenID string    `json:"token_id,omitempty" doc:"Of the caller's own tokens; left out when the signature did not hold."`
}

// RefusalPath is the refusal in a path.
type RefusalPath struct {
	ID string `path:"id" doc:"The id of the refusal."`
}
