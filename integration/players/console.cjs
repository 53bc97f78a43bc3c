"use strict";

// The console, as a person uses it: from an empty server to a stream that plays in
// the player page, and ends there when its token is revoked. On the way each page is
// looked at for what axe finds, and for whether it fits a narrow phone.

const looks = require("./look.cjs");

async function story(browser, { base, user, password, shots }) {
  const faults = [];
  const notes = {};
  const credentials = { httpCredentials: { username: user, password }, timezoneId: "Europe/Berlin", locale: "en-GB" };
  const context = await browser.newContext({ ...credentials, viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Content-Security-Policy/.test(message.text())) {
      faults.push(message.text());
    }
  });

  const look = async (name, on = page) => faults.push(...await looks.look(on, name, shots));

  await page.goto(`${base}/`);
  await look("console-empty");
  await page.fill('form[action$="/orgs"] [name=org]', "acme");
  await page.fill('form[action$="/orgs"] [name=name]', "Acme & Sons");
  await page.click("text=Create organisation");
  await page.fill('form[action$="/streams"] [name=stream]', "cam");
  await page.click("text=Create stream");
  await page.waitForURL("**/tokens/made/*");
  await look("console-made");
  const link = await page.locator(".copy code").first().textContent();
  const made = page.url();

  const player = await (await browser.newContext({ timezoneId: "Europe/Berlin", locale: "en-GB" })).newPage();
  await player.goto(`${link}&player=hls.js`);
  const state = async (wanted) => {
    try {
      await player.waitForFunction((s) => {
        const video = document.querySelector("video");
        return document.getElementById("player").dataset.state === s && (s !== "playing" || video.getVideoPlaybackQuality().totalVideoFrames > 25);
      }, wanted, { timeout: 30_000, polling: 50 });
    } catch {
      throw new Error(`the player page is not ${wanted}: ${await player.evaluate(() => {
        const video = document.querySelector("video");
        return `${document.getElementById("player").dataset.state}, ${document.body.innerText}, at ${video.currentTime}, paused ${video.paused}, ${video.error?.message}`;
      })}`);
    }
  };
  await state("playing");
  await look("player-live", player);

  // What was shown once is gone, also from the browser's memory.
  await page.goto(`${base}/`);
  await look("console-streams");
  await page.goBack();
  if ((await page.content()).includes(link)) {
    faults.push("the token is shown again by going back");
  }
  if ((await page.goto(made)).status() !== 410) {
    faults.push("the token is shown again");
  }
  await look("console-gone");

  await page.goto(`${base}/streams/acme/cam`);
  await look("console-stream");
  await page.click("text=Settings");
  await look("console-settings");

  // Rules are remarked on while they are written, and the player page's host is
  // added by a click.
  await page.goto(`${base}/tokens/new?org=acme&stream=cam`);
  await page.fill("[name=referer]", "www.example.com");
  await page.getByText("is none of the allowed pages").waitFor();
  await look("console-new");
  // A date is chosen in the reader's zone.
  const before = await page.inputValue("[name=until]");
  const sent = await page.evaluate(() => new FormData(document.querySelector("form[action$='/tokens']")).get("until"));
  const hours = (new Date(`${before}Z`) - new Date(`${sent}Z`)) / 3_600_000;
  const ahead = (new Date(`${sent}Z`) - Date.now()) / 86_400_000;
  if (![1, 2].includes(hours) || ahead < 13.9 || ahead > 14.1) {
    faults.push(`the form shows ${before} in Berlin, and sends ${sent}`);
  }
  await page.getByText("Europe/Berlin, at most a year ahead").waitFor();
  await page.click("#remarks button");
  await page.getByText("is none of the allowed pages").waitFor({ state: "detached" });
  if (!(await page.inputValue("[name=referer]")).includes(new URL(link).host)) {
    faults.push("the host of the player page is not added");
  }

  // What looks would not find, it would not find in the pages either.
  await page.evaluate(() => { document.querySelector("h1").style.color = "#e4e4e4"; });
  if ((await looks.violations(page)).length === 0) {
    faults.push("axe does not find a heading that nobody can read");
  }
  await page.goto(`${base}/tokens/new`);
  await page.fill("[name=stream]", "a!b");
  await page.click("text=Create token");
  await look("console-mistake");
  await page.goto(`${base}/explain`);
  await page.fill("[name=token]", link);
  await page.click('button:has-text("Explain")');
  await look("console-explain");
  await page.goto(`${base}/tokens`);
  await look("console-tokens");
  await page.check("tbody input");
  await page.click("text=Revoke those chosen");
  await page.getByText("Revoke 1 token?").waitFor();
  await look("console-chosen");
  await page.click("text=Cancel");
  await page.click("tbody a");
  await look("console-token");
  const revoked = Date.now();
  await page.click("text=Revoke this token");
  await state("revoked");
  notes.ended = Date.now() - revoked;
  await look("player-revoked", player);
  await look("console-revoked");
  for (const other of ["revocations", "orgs", "audit", "keys"]) {
    const list = await context.newPage();
    await list.goto(`${base}/${other}`);
    for (const hidden of await list.locator("summary").all()) {
      await hidden.click();
    }
    await look(`console-${other}`, list);
    await list.close();
  }
  await page.click("text=Undo the revocation");
  await page.getByText("plays again").waitFor();

  // Keys for programs, shown once.
  await page.goto(`${base}/keys`);
  await page.fill('form[action$="/apikeys"] [name=name]', "billing");
  await page.fill("[name=orgs]", "*");
  await page.fill("[name=expires]", "never");
  await page.click("text=Create API key");
  await page.getByText("it cannot be shown again").waitFor();
  await look("console-apikey");

  // A revocation of many says first whom it ends.
  await page.goto(`${base}/revocations`);
  await page.fill("[name=value]", "press");
  await page.click("text=See what it ends");
  await page.getByText("Nobody watches with them now").waitFor();
  await look("console-ends");
  await page.click('button:text-is("Revoke")');
  await page.getByText("They are revoked").waitFor();

  // Without JavaScript, and by keyboard alone.
  const plain = await (await browser.newContext({ ...credentials, javaScriptEnabled: false })).newPage();
  await plain.goto(`${base}/tokens/new?org=acme&stream=cam`);
  await plain.focus("[name=tag]");
  await plain.keyboard.type("by keyboard");
  await plain.keyboard.press("Enter");
  await plain.getByText("it cannot be shown again").waitFor();

  for (const open of [...browser.contexts()]) {
    await open.close();
  }
  return { detail: faults.join("\n"), notes };
}

module.exports = { story };
