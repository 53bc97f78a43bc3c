// Package demo is "playgate demo": a live stream made from four seconds of embedded test card, a page that plays it, and the gate
// between the two, all in one process on loopback.
package demo
