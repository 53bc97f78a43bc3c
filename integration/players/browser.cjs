"use strict";

// Runs players in a headless browser: one JSON line in for each run, one out.
//
//   in   {"id": 1, "page": "http://…/page.html", "player": "hls.js", "url": "…", "type": "…"}
//   out  {"id": 1, "played": true}, or with status, reason, from and detail
//
// The first line out is {"version": "…"}. The end of the input ends the browser.

const readline = require("node:readline");
const { chromium } = require("playwright-core");
const consoleStory = require("./console.cjs");
const { look } = require("./look.cjs");

const within = 30_000;

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

// run gives each player a browser context of its own: no cookie, cache or
// connection is left over from another run.
async function run(browser, { id, page: address, player, url, type, options }) {
  const said = [];
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  let page;
  try {
    page = await context.newPage();
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    await page.goto(address);
    await page.evaluate((given) => { play(...given); }, [player, url, type, options ?? {}]);
    const outcome = await page.waitForFunction(() => window.outcome, null, { timeout: within, polling: 50 });
    say({ id, ...(await outcome.jsonValue()), said });
  } catch (error) {
    const state = await page?.evaluate(() => {
      const { currentTime, readyState, paused, seeking, buffered } = document.querySelector("video");
      const ranges = Array.from({ length: buffered.length }, (_, i) => `${buffered.start(i)}-${buffered.end(i)}`);
      return JSON.stringify({ currentTime, readyState, paused, seeking, ranges });
    }).catch(String);
    say({ id, detail: `${error} ${state}`, said });
  } finally {
    await context.close();
  }
}

// visit opens a page of Playgate's own as a person does, waits until its state is one
// of those wanted, and looks at it.
async function visit(browser, { id, url, until, bare, name, shots }) {
  const said = [];
  const context = await browser.newContext({
    ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 },
    timezoneId: "Europe/Berlin", locale: "en-GB",
  });
  try {
    const page = await context.newPage();
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    if (bare) { // a browser that plays nothing
      await page.addInitScript(() => {
        HTMLMediaElement.prototype.canPlayType = () => "";
        for (const name of ["MediaSource", "ManagedMediaSource", "WebKitMediaSource"]) {
          delete globalThis[name];
        }
      });
    }
    await page.goto(url);
    let seen = {};
    try {
      const found = await page.waitForFunction((states) => {
        const state = document.getElementById("player").dataset.state;
        const video = document.querySelector("video");
        const frames = video.getVideoPlaybackQuality().totalVideoFrames;
        return states.includes(state) && (state !== "playing" || frames > 25);
      }, until, { timeout: within, polling: 50 });
      await found.dispose();
    } catch (error) {
      seen.detail = String(error);
    }
    Object.assign(seen, await page.evaluate(() => ({
      state: document.getElementById("player").dataset.state,
      cover: document.getElementById("cover").innerText,
      facts: document.querySelector(".facts").innerText,
      native: Boolean(document.querySelector("video").getAttribute("src")?.startsWith("/")),
    })));
    const faults = await look(page, name, shots);
    if (faults.length > 0) {
      seen.detail = [seen.detail, ...faults].filter(Boolean).join("\n");
    }
    say({ id, ...seen, said });
  } catch (error) {
    say({ id, detail: String(error), said });
  } finally {
    await context.close();
  }
}

// tell goes through a story, and says what was wrong in it.
async function tell(browser, order) {
  try {
    say({ id: order.id, ...(await consoleStory.story(browser, order)) });
  } catch (error) {
    say({ id: order.id, detail: String(error) });
  }
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.PLAYGATE_CHROMIUM || "/usr/bin/chromium",
    // The browser talks to loopback and to nothing else. Its sandbox needs more
    // rights than root has in a container.
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
      "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  });
  say({ version: browser.version() });
  const runs = new Set();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    const one = (order.story ? tell : order.until ? visit : run)(browser, order).finally(() => runs.delete(one));
    runs.add(one);
  }
  await Promise.allSettled(runs);
  await browser.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
