"use strict";
// Without this script the forms work as forms; with it the page stays, and a failed press is repeated as the same press.
const words = document.body.dataset;
const outcome = document.getElementById("outcome");

const newRequestId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function send(form) {
  const body = JSON.stringify({ button: form.elements.button.value, request_id: form.elements.request_id.value });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const answer = await fetch("/press", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.ok) return { text: words.done, settled: true };
      if (answer.status !== 503) {
        return { text: words.failed.replace("{reason}", (await answer.json()).error), settled: true };
      }
    } catch {
      // The network failed: the same request goes again.
    }
  }
  return { text: words.noAnswer, settled: false };
}

for (const form of document.querySelectorAll("form.press")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    outcome.textContent = words.sending;
    const { text, settled } = await send(form);
    outcome.textContent = text;
    // An unsettled press keeps its id, so that the next try can't make a second one.
    if (settled) form.elements.request_id.value = newRequestId();
    button.removeAttribute("aria-busy");
  });
}

for (const time of document.querySelectorAll("time[data-wall-ms]")) {
  const at = new Date(Number(time.dataset.wallMs));
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString(document.documentElement.lang);
}
