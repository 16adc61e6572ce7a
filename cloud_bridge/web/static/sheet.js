// A check-list's form: saved as it grows, answers pointed at the second that is playing.

import { current } from "./player.js";

const PAUSE_MS = 700;

function place(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = tenths % 600;
  const whole = String(Math.floor(rest / 10)).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${whole}${rest % 10 ? `.${rest % 10}` : ""}`;
}

async function send(form, done) {
  const body = new URLSearchParams(new FormData(form));
  if (done) body.set("done", "1");
  const answer = await fetch(form.action, { method: "POST", body, headers: { "x-part": "1" } });
  return answer.status === 204;
}

// Brings a form to life. `leave(done)` is called when it is finished or left; without it the form goes on by itself.
export function startSheet(form, leave = null) {
  const status = form.querySelector("[role=status]");
  const keeps = !("done" in form.dataset) && !form.querySelector("fieldset").disabled;
  let timer = 0;
  let last = Promise.resolve();
  const save = () => {
    clearTimeout(timer);
    timer = 0;
    last = last.then(async () => {
      const kept = await send(form, false).catch(() => false);
      status.textContent = kept ? status.dataset.savedText : status.dataset.refusedText;
    });
    return last;
  };
  form.addEventListener("input", () => {
    if (!keeps) return;
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  });
  for (const here of form.querySelectorAll("[data-here]")) {
    here.hidden = current() === null || form.querySelector("fieldset").disabled;
    here.addEventListener("click", () => {
      const item = here.closest(".sheet-item");
      item.querySelector("[name^='s.']").value = place(current().at());
      const box = item.querySelector("input[type=checkbox]");
      if (box) box.checked = true;
      form.dispatchEvent(new Event("input"));
    });
  }
  form.querySelector(".keep-draft")?.classList.add("visually-hidden");
  if (!leave) return;
  const out = form.querySelector("[data-leave]");
  out.hidden = false;
  out.addEventListener("click", async () => {
    if (timer) await save();
    leave(false);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    timer = 0;
    await last;
    const done = event.submitter?.name === "done";
    if (await send(form, done).catch(() => false)) {
      if (done) leave(true);
      else status.textContent = status.dataset.savedText;
    } else status.textContent = status.dataset.refusedText;
  });
}

// Opens a sheet in the place of the list of sheets.
export async function openSheet(href, leave) {
  const answer = await fetch(href, { headers: { "x-part": "1" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  const fresh = template.content.getElementById("sheets");
  document.getElementById("sheets").replaceWith(fresh);
  startSheet(fresh.querySelector("form"), leave);
  fresh.querySelector("input:checked, .sheet-item input")?.focus({ preventScroll: true });
  fresh.scrollIntoView({ block: "start" });
}
