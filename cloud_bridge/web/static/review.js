// The review by keys: the press in work is fetched alone, what is said is sent at once, the next one plays by itself.
// Without it the same page works by links and forms.

import { begin, current } from "./player.js";
import { openSheet } from "./sheet.js";

const root = document.getElementById("review");
const list = document.getElementById("queue");
const toast = document.getElementById("toast");
const undoButton = document.getElementById("undo");
const dialog = document.getElementById("keys");
const bulk = document.getElementById("bulk");
const quick = document.getElementById("quick");
const IDLE_MS = 120_000;
const TOAST_MS = 6_000;
let hiding = 0;
const steps = [];
let spent = { ms: 0, since: performance.now() };
let lastMove = performance.now();
let busy = Promise.resolve();

const item = () => document.getElementById("item");
const pressId = () => item()?.dataset.press ?? "";
const rowOf = (id) => document.getElementById(`row-${id}`);

function say(text, { undo = false, bad = false } = {}) {
  document.getElementById("toast-text").textContent = text;
  undoButton.hidden = !undo;
  toast.classList.toggle("bad", bad);
  toast.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => toast.classList.remove("shown"), bad ? 15_000 : TOAST_MS);
}

// One after another: a key that comes while an answer is on its way waits for it.
function queued(work) {
  busy = busy.then(work).catch(() => say(root.dataset.failed, { bad: true }));
  return busy;
}

async function part(url, options = {}) {
  const answer = await fetch(url, { ...options, headers: { "x-part": "1", "x-csrftoken": root.dataset.token } });
  if (answer.status === 401 || answer.redirected) location.reload();
  if (!answer.ok) throw new Error(`${answer.status}`);
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
}

function withQuery(path, more = "") {
  const query = [root.dataset.query, more].filter(Boolean).join("&");
  return query ? `${path}?${query}` : path;
}

// ---- the press in work

function restartClock() {
  spent = { ms: 0, since: document.hidden ? null : performance.now() };
  lastMove = performance.now();
}

function spentSeconds() {
  return (spent.ms + (spent.since === null ? 0 : performance.now() - spent.since)) / 1000;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden && spent.since !== null) spent = { ms: spent.ms + performance.now() - spent.since, since: null };
  else if (!document.hidden && spent.since === null) spent.since = performance.now();
});
for (const name of ["keydown", "pointermove", "pointerdown"]) {
  document.addEventListener(name, () => (lastMove = performance.now()), { passive: true });
}
setInterval(() => {
  // Who has left the desk does not work: the time since the last move is not counted.
  const audio = document.querySelector("#item audio");
  if (spent.since !== null && audio?.paused !== false && performance.now() - lastMove > IDLE_MS) {
    spent = { ms: spent.ms + Math.max(0, lastMove - spent.since), since: performance.now() };
    lastMove = performance.now();
  }
  const seconds = Math.floor(spentSeconds());
  document.getElementById("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}, 1000);

// Scrolls the list alone, never the page with it.
function reveal(row) {
  if (!row) return;
  const [top, bottom] = [row.getBoundingClientRect(), list.getBoundingClientRect()];
  if (top.top < bottom.top) list.scrollTop -= bottom.top - top.top;
  else if (top.bottom > bottom.bottom) list.scrollTop += top.bottom - bottom.bottom;
}

function show(fresh, id) {
  current()?.stop();
  const old = item();
  const focused = old.contains(document.activeElement);
  old.replaceWith(fresh);
  list.querySelector("a[aria-current]")?.removeAttribute("aria-current");
  const link = rowOf(id)?.querySelector("a");
  link?.setAttribute("aria-current", "true");
  reveal(link);
  begin();
  current()?.begin();
  if (focused) fresh.focus({ preventScroll: true });
  history.replaceState(null, "", withQuery("/review", `item=${id}`));
  if (scrollY > root.offsetTop + 400) scrollTo({ top: 0 });
  restartClock();
}

async function open(id) {
  const content = await part(withQuery(`/review/items/${id}`));
  show(content.getElementById("item"), id);
}

// What a check-list has changed, without a break in the sound.
async function refresh() {
  const content = await part(withQuery(`/review/items/${pressId()}`));
  document.getElementById("sheets")?.replaceWith(content.getElementById("sheets"));
  const [old, fresh] = [item(), content].map((one) => one.querySelector(".wave-marks"));
  if (old && fresh) {
    old.replaceChildren(...fresh.children);
    old.hidden = fresh.hidden;
    current()?.mark();
  }
}

async function more() {
  const last = document.getElementById("more");
  if (!last) return false;
  const content = await part(last.dataset.rows);
  last.replaceWith(content);
  return true;
}

async function go(by) {
  const here = rowOf(pressId());
  let row = here ? (by > 0 ? here.nextElementSibling : here.previousElementSibling) : list.firstElementChild;
  if (row?.id === "more") {
    const before = row.previousElementSibling;
    await more();
    row = before ? before.nextElementSibling : list.firstElementChild;
  }
  if (row?.dataset.press) await open(row.dataset.press);
  else if (by > 0) say(root.dataset.end, { undo: steps.length > 0 });
}

// ---- what is said of it

async function act(fields) {
  const id = pressId();
  if (!id) return;
  const body = new URLSearchParams(fields);
  const content = await part(withQuery(`/review/items/${id}/say`), { method: "POST", body });
  const answer = content.getElementById("answer");
  const judgement = document.getElementById("judgement");
  const kept = document.activeElement?.name;
  const keptValue = document.activeElement?.value;
  const inside = judgement.contains(document.activeElement);
  judgement.replaceWith(content.getElementById("judgement"));
  if (inside && kept) {
    const again = [...document.querySelectorAll(`#judgement [name="${kept}"]`)];
    (again.find((one) => one.value === keptValue) ?? again[0])?.focus({ preventScroll: true });
  }
  const row = content.getElementById("answer-row").content.querySelector("li");
  const old = rowOf(id);
  if (old) {
    row.querySelector("input").checked = old.querySelector("input").checked;
    old.replaceWith(row);
  }
  document.getElementById("pace").textContent = answer.dataset.pace;
  if (answer.dataset.step) {
    steps.push({ step: answer.dataset.step, id });
    say(root.dataset.saved, { undo: true });
  }
}

async function finish() {
  const reviewed = document.getElementById("judgement")?.dataset.reviewed === "1";
  if (!reviewed) await act({ reviewed: "1", spent_s: spentSeconds().toFixed(1), ...pending() });
  await go(1);
}

// Words that were typed and not kept yet belong to the press that one leaves.
function pending() {
  const found = {};
  for (const field of document.querySelectorAll("#judgement [data-note], #judgement [data-tags]")) {
    if (field.value !== field.defaultValue) found[field.name] = field.value;
  }
  return found;
}

async function judge(verdict) {
  const button = document.querySelector(`#judgement [data-verdict="${verdict}"]`);
  if (!button) return;
  if (quick.checked && button.value) {
    await act({ verdict, reviewed: "1", spent_s: spentSeconds().toFixed(1), ...pending() });
    await go(1);
  } else {
    await act({ verdict: button.value });
  }
}

async function score(value) {
  const button = document.querySelector(`#judgement [data-score="${value}"]`);
  if (button) await act({ score: button.value });
}

async function undo() {
  const last = steps.pop();
  if (!last) return;
  const body = new URLSearchParams({ step: last.step });
  const answer = await fetch("/review/undo", {
    method: "POST",
    body,
    redirect: "manual",
    headers: { "x-csrftoken": root.dataset.token },
  });
  if (answer.type !== "opaqueredirect") throw new Error(`${answer.status}`);
  await open(last.id);
  const content = await part(withQuery(`/review/items/${last.id}/say`), { method: "POST", body: new URLSearchParams() });
  rowOf(last.id)?.replaceWith(content.getElementById("answer-row").content.querySelector("li"));
  say(root.dataset.left, { undo: steps.length > 0 });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("#judgement form")) return;
  event.preventDefault();
  const button = event.submitter;
  if (button?.dataset.verdict) queued(() => judge(button.dataset.verdict));
  else if (button && "finish" in button.dataset) queued(finish);
  else if (button?.name) queued(() => act({ [button.name]: button.value }));
  else queued(() => act(Object.fromEntries(new FormData(form))));
});
document.addEventListener("change", (event) => {
  // A field that is left keeps what was typed, without a button.
  if (event.target.matches("#judgement [data-note], #judgement [data-tags]")) {
    const { name, value } = event.target;
    queued(() => act({ [name]: value }));
  }
});
document.addEventListener("click", (event) => {
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
  const link = event.target.closest("#queue .queue-row a");
  if (link && plain) {
    event.preventDefault();
    queued(() => open(link.closest("li").dataset.press));
  }
  const older = event.target.closest("#more a");
  if (older && plain) {
    event.preventDefault();
    queued(more);
  }
  const sheet = event.target.closest("a[data-sheet]");
  if (sheet && plain) {
    event.preventDefault();
    queued(() => openSheet(sheet.getAttribute("href"), () => queued(refresh)));
  }
  const step = event.target.closest("[data-go]");
  if (step) queued(() => go(step.dataset.go === "next" ? 1 : -1));
});
undoButton.addEventListener("click", () => queued(undo));

// ---- many at once

function chosen() {
  return [...list.querySelectorAll("input:checked")].map((box) => box.value);
}

function countChosen() {
  const many = chosen().length;
  const badge = document.getElementById("chosen");
  badge.textContent = many;
  badge.hidden = many === 0;
  if (many) bulk.querySelector("details").open = true;
}

list.addEventListener("change", countChosen);
window.addEventListener("pageshow", countChosen);

function merge() {
  const form = document.querySelector("#item form[data-merge]");
  if (!form) return;
  for (const id of chosen()) {
    if (id === pressId()) continue;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "presses", value: id });
    form.append(field);
  }
  form.requestSubmit();
}

// ---- keys and filters

function focusOn(selector) {
  const field = document.querySelector(selector);
  field?.focus();
  field?.select?.();
}

const KEYS = {
  j: () => queued(() => go(1)),
  k: () => queued(() => go(-1)),
  r: () => queued(finish),
  t: () => queued(() => judge("true")),
  c: () => queued(() => judge("check")),
  f: () => queued(() => judge("false")),
  z: () => queued(undo),
  n: () => focusOn("#judgement [data-note]"),
  g: () => focusOn("#judgement [data-tags]"),
  m: merge,
  x: () => {
    const box = rowOf(pressId())?.querySelector("input");
    if (!box) return;
    box.checked = !box.checked;
    countChosen();
  },
  "?": () => dialog.showModal(),
};
for (const value of ["1", "2", "3", "4", "5"]) KEYS[value] = () => queued(() => score(value));
// The same keys where the keyboard writes Russian.
const PLACES = { KeyJ: "j", KeyK: "k", KeyR: "r", KeyT: "t", KeyC: "c", KeyF: "f", KeyZ: "z", KeyN: "n", KeyG: "g", KeyM: "m", KeyX: "x" };

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.repeat || dialog.open) return;
  if (event.key === "Escape") document.activeElement?.blur?.();
  if (event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea, audio")) return;
  const key = event.key.length === 1 && event.key > "\u007f" ? (PLACES[event.code] ?? event.key) : event.key.toLowerCase();
  const act = KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
});

const filter = document.querySelector("form.review-filter");
filter.addEventListener("change", () => filter.requestSubmit());
filter.querySelector(".apply").classList.add("visually-hidden");
filter.addEventListener("submit", () => {
  // Empty choices would only make the address long.
  for (const field of filter.elements) if (field.value === "") field.disabled = true;
});
window.addEventListener("pageshow", () => {
  for (const field of filter.elements) field.disabled = false;
});

document.getElementById("help").addEventListener("click", () => dialog.showModal());
quick.checked = localStorage.getItem("review-quick") === "1";
quick.addEventListener("change", () => localStorage.setItem("review-quick", quick.checked ? "1" : "0"));
for (const hidden of root.querySelectorAll(".quick, #help, #clock, [data-go]")) hidden.hidden = false;
root.classList.add("scripted");
reveal(rowOf(pressId()));
current()?.begin();
restartClock();
