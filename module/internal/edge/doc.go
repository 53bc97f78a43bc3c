// Package edge has what a process keeps for all of its configurations: who
// watches, what is running, which tokens were verified, and what has been refused.
// It survives a reload; the new configuration then judges what is running.
package edge
