package command

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// table writes rows below a heading.
func table(w io.Writer, heading []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(heading, "\t"))
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = clean(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// card writes the members of one thing, those that have a value.
func card(w io.Writer, members [][2]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range members {
		if m[1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", m[0], clean(m[1]))
		}
	}
	return t.Flush()
}

// clean takes out of a text what would steer a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// when writes a time as people where they are read it.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04 MST")
}

// whenever is when for a time that may be left out.
func whenever(t *time.Time) string {
	if t == nil {
		return ""
	}
	return when(*t)
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
