"use strict";
// The page is asked for anew each second, which with the box's own half second is within the two that a reaction may take.
const PERIOD_MS = 1000;
const PATIENCE = 5;
let failures = 0;

async function renew() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(PERIOD_MS * 3) });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    const shown = document.getElementById("live");
    // Only what has changed is drawn: a screen reader speaks each change once.
    if (fresh && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh);
    failures = 0;
  } catch {
    failures += 1;
  }
  document.getElementById("lost").hidden = failures < PATIENCE;
}

async function run() {
  for (;;) {
    const begun = performance.now();
    await renew();
    await new Promise((done) => setTimeout(done, Math.max(0, PERIOD_MS - (performance.now() - begun))));
  }
}

run();
