// Package access decides whether a grant is good for a target: grant x target
// x facts -> verdict. It is pure: no I/O, no clock. Whatever it is not told is
// a refusal, and the zero value of a [Verdict] denies.
package access
