// Package edge has what a process keeps for all of its configurations: who
// watches, what is running, which tokens were verified, and what has been refused.
// A reload of the configuration changes nothing of it.
package edge
