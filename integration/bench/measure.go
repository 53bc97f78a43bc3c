package main

import (
	"fmt"
	"slices"
	"time"
)

// figures of one contender, one for each round.
type figures struct {
	perRequest []time.Duration // CPU time of the server
	perSecond  []float64       // requests
	ratio      []float64       // to the first contender, in the same round
	above      []time.Duration // what it takes more than the first, in the same round
	resident   int64
}

// measure has the contenders take turns.
func measure(w workload, o *origin, rounds int, slice time.Duration, progress func(round int)) ([]figures, error) {
	loads := make([]*load, len(w.contenders))
	for i, c := range w.contenders {
		loads[i] = newLoad(c.address, c.status, c.targets)
		if c.warm {
			if err := loads[i].all(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	// Servers do not wait for ever for the first request of a connection.
	for i, c := range w.contenders {
		if err := loads[i].connect(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		defer loads[i].close()
	}
	all := make([]figures, len(w.contenders))
	order := make([]int, len(w.contenders))
	for i := range order {
		order[i] = i
	}
	for round := range rounds + 1 { // the first one warms up
		progress(round)
		took := make([]time.Duration, len(w.contenders))
		for _, i := range order {
			c := w.contenders[i]
			before, seen, began := c.server.cpu(), o.requests.Load(), time.Now()
			n, err := loads[i].run(slice)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if n == 0 {
				return nil, fmt.Errorf("%s has answered nothing", c.name)
			}
			if reached := o.requests.Load() - seen; reached != int64(n) && c.through || reached != 0 && !c.through {
				return nil, fmt.Errorf("%s: of %d requests, %d reached the origin", c.name, n, reached)
			}
			took[i] = (c.server.cpu() - before) / time.Duration(n)
			if round > 0 {
				all[i].perRequest = append(all[i].perRequest, took[i])
				all[i].perSecond = append(all[i].perSecond, float64(n)/time.Since(began).Seconds())
				all[i].resident = max(all[i].resident, c.server.resident())
			}
		}
		if round > 0 {
			for i := range all {
				all[i].ratio = append(all[i].ratio, float64(took[i])/float64(took[0]))
				all[i].above = append(all[i].above, took[i]-took[0])
			}
		}
		slices.Reverse(order)
	}
	return all, nil
}

// quartiles are the first, the median and the third.
func quartiles[T int64 | float64 | time.Duration](list []T) (first, median, third T) {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return sorted[n/4], sorted[n/2], sorted[(3*n)/4]
}
