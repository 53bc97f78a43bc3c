// Resolves references as browsers do, by the URL standard of the WHATWG: one JSON line
// in for many references, one out.
//
//   in   [["reference", "base"], …]
//   out  [{"site": "http://…", "path": "/…", "query": "?…", "fragment": "#…", "href": "…"}, …]
//
// What is no URL comes out as null. The end of the input ends it.

import { createInterface } from "node:readline";

function resolve([reference, base]) {
  let url;
  try {
    url = new URL(reference, base);
  } catch {
    return null;
  }
  return { site: `${url.protocol}//${url.host}`, path: url.pathname, query: url.search, fragment: url.hash, href: url.href };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(resolve))}\n`);
}
