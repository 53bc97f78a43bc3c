package command

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

// pages are the flags of a list that may be long.
type pages struct {
	limit  int
	cursor string
	all    bool
}

func (p *pages) flags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&p.limit, "limit", 50, "how many at once, at most 500")
	cmd.Flags().StringVar(&p.cursor, "cursor", "", "where to go on, as the list before said")
	cmd.Flags().BoolVar(&p.all, "all", false, "all of them")
}

// read reads a list, member of the answers, page by page with --all. It returns
// an answer with all that was read, and reads it into out.
func (p *pages) read(c *client, path, member string, query url.Values, out any) (json.RawMessage, error) {
	answer, err := p.join(c, path, member, query)
	if err != nil {
		return nil, err
	}
	return answer, json.Unmarshal(answer, out)
}

func (p *pages) join(c *client, path, member string, query url.Values) (json.RawMessage, error) {
	if p.limit < 1 || p.limit > 500 {
		return nil, errors.New("--limit: write a number from 1 to 500")
	}
	query.Set("limit", strconv.Itoa(p.limit))
	if p.all && !c.cmd.Flags().Changed("limit") {
		query.Set("limit", "500")
	}
	if p.cursor != "" {
		query.Set("cursor", p.cursor)
	}
	list := []json.RawMessage{}
	for {
		var page map[string]json.RawMessage
		answer, err := c.get(path, query, &page)
		if err != nil {
			return nil, err
		}
		var part []json.RawMessage
		if err := json.Unmarshal(page[member], &part); err != nil {
			return nil, err
		}
		var next string
		if raw, ok := page["next"]; ok {
			if err := json.Unmarshal(raw, &next); err != nil {
				return nil, err
			}
		}
		if list = append(list, part...); next == "" || !p.all {
			if next != "" {
				c.remark("There are more: add --cursor %s to go on, or --all.", clean(next))
			}
			if !p.all {
				return answer, nil
			}
			return json.Marshal(map[string]any{member: list})
		}
		query.Set("cursor", next)
	}
}

// filter is a query of the filters that are set.
func filter(filters map[string]string) url.Values {
	q := url.Values{}
	for name, value := range filters {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}
