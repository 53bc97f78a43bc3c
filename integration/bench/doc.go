// Command bench measures what the gate costs, side by side with plain Caddy and
// with what else is installed of nginx and HAProxy:
//
//	cd integration && go run ./bench
//
// The server under test has one CPU for itself; the origin and the clients are in
// this process, on another. Contenders take turns in short slices, many rounds of
// them, so that whatever else the machine does falls on all alike. The main figure
// is the CPU time (user and system) that a server takes for a request; ratios are
// of two slices of the same round. All traffic stays on loopback.
//
//	go run ./bench -rounds 40            a longer run
//	go run ./bench -only seen            one workload
//	go run ./bench -out results          writes results.md and results.svg
//	go run ./bench -capacity             what a machine carries, see docs/capacity.md
//
// PLAYGATE_BINARY names a binary to measure; otherwise cmd/playgate is built.
package main
