// Package kv keeps small records in NATS JetStream: in this process, with no open
// port and a sync before every answer, or on the operator's own servers. It knows
// keys, values and revisions, and nothing of what they mean.
//
// A [Store] is a group of buckets on one connection, and survives the loss of it.
// A [Follower] keeps something in memory like a bucket. A [Server] is the server
// in this process.
package kv
