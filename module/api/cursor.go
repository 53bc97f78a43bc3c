package api

import (
	"encoding/base64"

	"github.com/go-json-experiment/json"
)

// Cursors say where a page begins, and nothing else: what is listed is decided
// by who asks, so that the cursor of another caller shows nothing of his.

func writeCursor(at any) string {
	data, err := json.Marshal(at)
	if err != nil {
		panic(err) // only our own types
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func readCursor(text string, at any) error {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, at, json.RejectUnknownMembers(true))
	}
	if err != nil {
		return mistake("query.cursor", "that is no cursor of this list; take next of the page before, or leave it out")
	}
	return nil
}
