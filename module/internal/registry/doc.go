// Package registry keeps what the configuration does not say: organisations,
// streams, token records, API keys, signing keys, session keys and the audit
// trail. It never keeps a token.
//
// Records are JSON in a small key-value store with compare-and-set and a watch
// (package kv): NATS JetStream, in this process, with no open port and a sync
// before every answer, or on the operator's own servers. Three buckets keep apart
// who reads what:
//
//   - the edge bucket has what every gate must know, and is followed into a
//     [View] in memory, of which a copy is kept on disk (package replica);
//   - the issuing bucket has token records, hashes of API keys and sealed
//     private keys, and is followed into an [Index] only where somebody asks;
//   - the audit bucket is only read when somebody asks.
//
// A [Registry] has a part for each kind of record, such as [Orgs] and [Tokens].
package registry
