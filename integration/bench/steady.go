package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// A closed loop asks again when it has been answered, so that a slow server is asked
// less and its latency is hidden. In an open loop requests are due at a rate, whatever
// has become of those before.

// steadySlices is how many slices a contender has its turn in an open loop: a 99th
// percentile needs requests.
const steadySlices = 5

// steadily asks at a rate for so long, and returns how long each answer took from
// when its request was due, the wait for a free connection included.
func (l *load) steadily(rate float64, length time.Duration) ([]time.Duration, error) {
	n := int(rate * length.Seconds())
	due, failed := make(chan time.Time, n), make(chan error, len(l.conns))
	var mu sync.Mutex
	took := make([]time.Duration, 0, n)
	var wait sync.WaitGroup
	for _, c := range l.conns {
		wait.Go(func() {
			for at := range due {
				if err := l.one(c); err != nil {
					failed <- err
					return
				}
				mu.Lock()
				took = append(took, time.Since(at))
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	for i := range n {
		// The next one is due then; it is the rate, not a wait for something.
		time.Sleep(time.Until(began.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		due <- time.Now()
	}
	close(due)
	wait.Wait()
	select {
	case err := <-failed:
		return nil, err
	default:
		return took, nil
	}
}

// steady compares what viewers wait for, with a gate that keeps nothing and with one
// that has its store in the process.
func (b *bench) steady(plain proxied, gate *process, at string) (workload, error) {
	token := withToken(segment, b.keys["EdDSA"].tokens("viewer", 1))
	without, withoutAt, err := b.startGate("gate-store-off", "\t\tstore off\n", "")
	return workload{"steady", "4 KB segment, token seen before, in an open loop", []contender{
		passes("Caddy with Playgate's defaults, no gate", plain.plain, plain.plainAt, token),
		passes("Playgate EdDSA, store off", without, withoutAt["EdDSA"], token),
		passes("Playgate EdDSA", gate, at, token),
	}}, err
}

// latencies of one contender in an open loop.
type latencies struct {
	all   []time.Duration
	ratio []float64 // of the 99th percentile to that of the first contender, in the same round
}

// percentile is the time that so many of a hundred did not exceed.
func percentile(list []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(int(float64(len(sorted))*p/100), len(sorted)-1)]
}

// measureSteady has the contenders take turns at half of the rate that the first one
// reaches in a closed loop.
func measureSteady(w workload, rounds int, slice time.Duration, progress func(round int)) (all []latencies, rate float64, err error) {
	loads := make([]*load, len(w.contenders))
	for i, c := range w.contenders {
		loads[i] = newLoad(c.address, c.status, c.targets)
		if err := loads[i].connect(); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", c.name, err)
		}
		defer loads[i].close()
	}
	length := steadySlices * slice
	for range 2 { // the first time warms up
		for i := len(loads) - 1; i >= 0; i-- {
			n, err := loads[i].run(length)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", w.contenders[i].name, err)
			}
			rate = float64(n) / length.Seconds() / 2
		}
	}
	all = make([]latencies, len(loads))
	order := make([]int, len(loads))
	for i := range order {
		order[i] = i
	}
	for round := range rounds {
		progress(round + 1)
		worst := make([]time.Duration, len(loads))
		for _, i := range order {
			took, err := loads[i].steadily(rate, length)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", w.contenders[i].name, err)
			}
			if len(took) == 0 {
				return nil, 0, fmt.Errorf("%s: a rate of %.0f a second is too low", w.contenders[i].name, rate)
			}
			all[i].all = append(all[i].all, took...)
			worst[i] = percentile(took, 99)
		}
		for i := range all {
			all[i].ratio = append(all[i].ratio, float64(worst[i])/float64(worst[0]))
		}
		slices.Reverse(order)
	}
	return all, rate, nil
}

// tableSteady writes latencies as Markdown.
func tableSteady(out io.Writer, w workload, all []latencies, rate float64) {
	fmt.Fprintf(out, "\n### %s\n\n%.0f requests a second, half of what the first one reaches.\n", w.title, rate)
	fmt.Fprint(out, "\n| | p50, us | p99, us | ratio of p99 | in each round (quartiles) |\n|---|---|---|---|---|\n")
	first := percentile(all[0].all, 99)
	for i, c := range w.contenders {
		p50, p99 := percentile(all[i].all, 50), percentile(all[i].all, 99)
		low, median, high := quartiles(all[i].ratio)
		fmt.Fprintf(out, "| %s | %.0f | %.0f | %.3f | %.3f (%.3f to %.3f) |\n", c.name, micros(p50), micros(p99), float64(p99)/float64(first), median, low, high)
	}
}
