package types

// Status is how this instance is.
type Status struct {
	Instance      string      `json:"instance" doc:"The host's name, and the id of its Caddy."`
	Version       string      `json:"version"`
	Store         StoreStatus `json:"store"`
	Organisations int         `json:"organisations" doc:"How many; the caller's own, as below."`
	Streams       int         `json:"streams"`
	BrokenGlass   []string    `json:"broken_glass" doc:"The organisations that need no token now, because the glass is broken."`
	Nodes         []Node      `json:"nodes,omitempty" doc:"All nodes that could be asked, this one among them. Only for keys that are for all organisations."`
}

// Node is how one of many nodes is.
type Node struct {
	Name      string  `json:"name"`
	Version   string  `json:"version"`
	Ready     bool    `json:"ready" doc:"What /readyz says there."`
	Staleness float64 `json:"staleness_seconds" doc:"How old what it knows of the store is."`
	Position  uint64  `json:"position" doc:"The last change of the store that it knows. All nodes should say about the same."`
	Viewers   int     `json:"viewers" doc:"Who watches through it."`
	Revoked   int     `json:"revocations" doc:"How many revocations it knows. All nodes should say about the same."`
}

// StoreStatus is how the registry's store is.
type StoreStatus struct {
	Driver    string `json:"driver" enum:"embedded,nats"`
	Writable  bool   `json:"writable"`
	Error     string `json:"error,omitempty" doc:"Why nothing can be changed."`
	Staleness *int64 `json:"staleness_seconds,omitempty" doc:"How old what is known of the store is; left out where nothing is."`
}
