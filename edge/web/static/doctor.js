"use strict";
// The button test follows the contacts while the page is open; without this script they stand as they were.
const words = document.body.dataset;
const cells = new Map(Array.from(document.querySelectorAll("[data-button]"), (cell) => [cell.dataset.button, cell]));

function show({ button, count, ago_s: ago, down }) {
  const cell = cells.get(button);
  if (!cell) return;
  const text = down ? words.down : ago === null ? words.never : words.ago.replace("{count}", count).replace("{seconds}", Math.round(ago));
  if (cell.textContent !== text) cell.textContent = text;
  cell.classList.toggle("down", down);
}

async function follow() {
  try {
    const answer = await fetch("/state");
    if (answer.ok) (await answer.json()).contacts.forEach(show);
  } catch {
    cells.forEach((cell) => { cell.textContent = words.silent; });
  }
  setTimeout(follow, 500);
}

if (cells.size) follow();
