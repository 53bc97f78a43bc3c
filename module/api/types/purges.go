package types

// NewPurge is what caches are to forget.
type NewPurge struct {
	Org    string `json:"org,omitempty" doc:"All that is cached of this organisation."`
	Stream string `json:"stream,omitempty" doc:"Of this stream of the organisation only."`
	URL    string `json:"url,omitempty" doc:"What is cached of this URL, instead of org and stream; without a query: whatever the query was. A token in it makes no difference."`
}

// Purged is what became of a purge.
type Purged struct {
	Objects int `json:"objects" doc:"How many answers were forgotten, those that were on their way included."`
	Nodes   int `json:"nodes" doc:"On how many nodes: all that could be reached, this one among them."`
}
