"use strict";

// What one run of a player came to, for the driver to read: null as long as
// nothing is certain.
window.outcome = null;

const video = document.getElementById("video");

function end(outcome) {
  window.outcome ??= outcome;
}

// watch ends the run when a second has been played in one go. The position
// alone would not do, because a live player jumps to its end at the start.
function watch() {
  let from = null;
  video.addEventListener("seeking", () => { from = null; });
  setInterval(() => {
    const frames = video.getVideoPlaybackQuality().totalVideoFrames;
    if (video.paused || video.seeking || frames === 0) {
      from = null;
      return;
    }
    from ??= { time: video.currentTime, frames };
    if (video.currentTime - from.time > 1 && frames - from.frames > 5) {
      end({ played: true });
    }
  }, 50);
}

// refused is what a player's own error event told: a status and, in a body,
// the reason.
function refused(status, body, detail) {
  let reason = "";
  try {
    reason = JSON.parse(body).reason;
  } catch {
    // No problem+json: the detail has to do.
  }
  end({ status, reason, from: "event", detail: String(detail) });
}

// askAgain is for what tells a page only that it failed, as elements and
// sockets do: a GET of the same URL has the answer.
async function askAgain(url, detail) {
  const answer = await fetch(url.replace(/^ws/, "http"));
  if (answer.ok) {
    answer.body.cancel();
    end({ status: answer.status, from: "GET", detail: String(detail) }); // failed, and not for want of a token
    return;
  }
  const { reason } = await answer.json();
  end({ status: answer.status, reason, from: "GET", detail: String(detail) });
}

function script(path) {
  return new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = path;
    element.onload = done;
    element.onerror = () => failed(new Error(`no script at ${path}`));
    document.head.append(element);
  });
}

// play begins a run: the player gets the URL and nothing else.
async function play(player, url, type) {
  try {
    if (!["WHEP", "body"].includes(player)) { // which watch themselves
      watch();
    }
    await starts[player](url, type);
    video.play?.().catch(() => {}); // what is wrong comes as an error event
  } catch (error) {
    end({ detail: String(error?.stack ?? error) });
  }
}
