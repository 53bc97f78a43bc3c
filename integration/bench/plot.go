package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// plot draws the CPU time for a request as bars, with a line from the first to the
// third quartile.
func plot(out io.Writer, w workload, all []figures) error {
	const (
		row, left, width, top = 28, 290, 420, 48
		room                  = 90 // for the figures
	)
	largest := 0.0
	for _, f := range all {
		_, _, high := quartiles(f.perRequest)
		largest = max(largest, micros(high))
	}
	scale := float64(width) / largest
	var b strings.Builder
	height := top + row*len(all) + 16
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="system-ui, sans-serif" font-size="13">`+"\n",
		left+width+room, height)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	fmt.Fprintf(&b, `<text x="16" y="28" font-size="15" font-weight="600" fill="#1a1a1a">%s: CPU time for a request, in us</text>`+"\n", escape(w.title))
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		_, a, _ := quartiles(all[i].perRequest)
		_, b, _ := quartiles(all[j].perRequest)
		return int(a - b)
	})
	for at, i := range order {
		low, median, high := quartiles(all[i].perRequest)
		y := top + row*at
		fill := "#9aa5b1"
		if strings.HasPrefix(w.contenders[i].name, "Playgate") {
			fill = "#1f6feb"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#1a1a1a">%s</text>`, left-10, y+17, escape(w.contenders[i].name))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="18" rx="3" fill="%s"/>`, left, y+4, micros(median)*scale, fill)
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%[3]d" stroke="#1a1a1a" stroke-width="1.5"/>`, left+micros(low)*scale, left+micros(high)*scale, y+13)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#1a1a1a">%.0f</text>`+"\n", left+micros(high)*scale+8, y+17, micros(median))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}
