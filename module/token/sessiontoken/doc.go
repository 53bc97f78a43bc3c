// Package sessiontoken makes and reads session tokens: short stand-ins for a
// playback token, which any edge with the same session key can mint and
// verify, and which are good for one stream.
//
// A token that is written into every URI of a playlist is paid for with every
// reload. A session token has 118 characters, where a JWT has 300.
//
// What it is good for is not written in it but goes into its MAC: the
// organisation, the stream and, under an address rule, the prefix that the
// client is in. Used for anything else it is simply forged.
package sessiontoken
