// Package types has what the HTTP API reads and writes: its requests and its
// answers, each once. Package api describes itself by them (the tags doc, enum,
// minimum and so on are those of its OpenAPI document), and the commands and the
// console use the same ones. A name here is the name of the schema in that
// document.
package types
