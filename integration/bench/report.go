package main

import (
	"fmt"
	"io"
	"time"
)

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// table writes the figures as Markdown.
func table(out io.Writer, w workload, all []figures) {
	fmt.Fprintf(out, "\n### %s\n\n| | CPU us/request | ratio (quartiles) | above, us | requests/s | MB |\n|---|---|---|---|---|---|\n", w.title)
	for i, c := range w.contenders {
		f := all[i]
		_, took, _ := quartiles(f.perRequest)
		low, ratio, high := quartiles(f.ratio)
		_, above, _ := quartiles(f.above)
		_, rate, _ := quartiles(f.perSecond)
		if i == 0 {
			fmt.Fprintf(out, "| %s | %.1f | 1 | | %.0f | %d |\n", c.name, micros(took), rate, f.resident>>20)
			continue
		}
		fmt.Fprintf(out, "| %s | %.1f | %.3f (%.3f to %.3f) | %+.1f | %.0f | %d |\n", c.name, micros(took), ratio, low, high, micros(above), rate, f.resident>>20)
	}
}
