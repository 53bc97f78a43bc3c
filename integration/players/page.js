"use strict";

// What one run of a player came to, for the driver to read: null as long as
// nothing is certain.
window.outcome = null;

const video = document.getElementById("video");

function end(outcome) {
  window.outcome ??= outcome;
}

// watch ends the run when enough has been played in one go, a second as a rule. The
// position alone would not do, because a live player jumps to its end at the start.
function watch({ seconds = 1, also = "" }) {
  let from = null;
  let enough = false;
  video.addEventListener("seeking", () => { from = null; });
  setInterval(() => {
    const frames = video.getVideoPlaybackQuality().totalVideoFrames;
    if (video.paused || video.seeking || frames === 0) {
      from = null;
      return;
    }
    from ??= { time: video.currentTime, frames };
    if (!enough && video.currentTime - from.time > seconds && frames - from.frames > 5) {
      enough = true;
      (also ? showThumbnail() : Promise.resolve()).then(() => end({ played: true }), (error) => end({ detail: `thumbnail: ${error}` }));
    }
  }, 50);
}

// thumbnail gives the URL of a thumbnail, once the player has set it.
let thumbnail = null;

// showThumbnail loads a thumbnail as a page shows it.
async function showThumbnail() {
  const answer = await fetch(await thumbnail());
  if (!answer.ok) {
    throw new Error(`${answer.status} ${answer.url} ${await answer.text()}`);
  }
  (await createImageBitmap(await answer.blob())).close();
}

// besidePlaylist is the URL of thumbs.vtt beside a playlist: the page has the token from
// the URL that it was given.
function besidePlaylist(url) {
  const beside = new URL(url);
  beside.pathname = beside.pathname.replace(/[^/]*$/, "thumbs.vtt");
  return beside.href;
}

// firstCue is the URL of the picture of the first cue.
async function firstCue(url) {
  const answer = await fetch(besidePlaylist(url));
  const [, reference] = /-->.*\n(.+)#xywh=/.exec(await answer.text());
  return new URL(reference, answer.url).href;
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

// play begins a run. The player gets the URL, and only what the options say besides:
// headers for each request, and credentials.
async function play(player, url, type, options) {
  try {
    if (!["WHEP", "body"].includes(player)) { // which watch themselves
      watch(options);
    }
    if (options.also === "cues") {
      thumbnail = () => firstCue(url);
    }
    await starts[player](url, type, options);
    if (player !== "dash.js") { // it begins by itself, and has to see that
      video.play?.().catch(() => {}); // what is wrong comes as an error event
    }
  } catch (error) {
    end({ detail: String(error?.stack ?? error) });
  }
}
