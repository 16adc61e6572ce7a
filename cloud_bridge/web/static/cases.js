// Keys of the cases: J and K step through a list or through a case's presses; letters lead to what is done most.

const steps = () => [...document.querySelectorAll("[data-step]")];
const presses = () => [...document.querySelectorAll("[data-press]")];

function step(by) {
  const all = steps();
  if (all.length) {
    const at = all.indexOf(document.activeElement);
    all[Math.min(all.length - 1, Math.max(0, at + by))].focus();
    return;
  }
  const tabs = presses();
  const next = tabs[tabs.findIndex((tab) => tab.hasAttribute("aria-current")) + by];
  if (next) location.assign(next.href);
}

function reach(selector) {
  const found = document.querySelector(selector);
  if (!found) return;
  found.scrollIntoView({ block: "center" });
  found.focus();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  c: () => reach("#comment"),
  s: () => reach("#status button"),
  a: () => document.getElementById("mine")?.click(),
  x: () => reach("#cause"),
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, dialog")) return;
  event.preventDefault();
  act();
});
