// Package player serves the web playout page: a page with the video, and under
// it how long the token of its link is valid. It needs no login and stands on the
// media host, so that address and page rules see the same viewer on the page and
// at the stream. It lets nothing through by itself: the gate judges what the page
// plays, like everything else.
package player
