// Package cluster has the questions that nodes ask each other about what only a
// node itself knows, such as who watches through it.
package cluster
