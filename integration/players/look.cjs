"use strict";

// Looks at a page: for what axe finds against WCAG 2.2 AA, in light and in dark, and
// for whether it fits a narrow phone. With a directory, it takes a picture of each.

const fs = require("node:fs");

const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

// violations are what axe finds on a page as it is.
async function violations(page) {
  await page.evaluate(axe);
  return (await page.evaluate((runOnly) => globalThis.axe.run({ runOnly }), rules)).violations;
}

// look returns what is wrong with a page, and leaves it in light and as wide as it was.
async function look(page, name, shots) {
  const faults = [];
  const take = async (kind) => {
    if (shots) {
      await page.screenshot({ path: `${shots}/${name}-${kind}.png` });
    }
  };
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const v of await violations(page)) {
      faults.push(`${name}, ${colorScheme}: ${v.id}: ${v.nodes.map((node) => node.html).join(" ")}`);
    }
    await take(colorScheme);
  }
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 700 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) {
    faults.push(`${name}: ${wide} pixels too wide for a phone`);
  }
  await take("phone");
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: "light" });
  return faults;
}

module.exports = { look, violations };
