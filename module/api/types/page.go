package types

// Page is what the parameters of every list are.
type Page struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Where to begin: next of the page before."`
}
