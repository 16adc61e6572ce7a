// The author's form: adds, moves and removes items and sections. Without it one empty item and section are always there.

const form = document.querySelector("[data-edit]");
const blank = document.getElementById("blank-item");
let count = 1000;

for (const part of form.querySelectorAll("[data-script]")) part.hidden = false;

function sectionName(section) {
  return section.querySelector(".section-title").name.replace(/title\..*$/, "");
}

function addItem(section) {
  const item = blank.content.firstElementChild.cloneNode(true);
  const name = `${sectionName(section)}i${count++}.`;
  for (const field of item.querySelectorAll("[name]")) field.name = field.name.replace("sK.iN.", name);
  for (const part of item.querySelectorAll("[data-script]")) part.hidden = false;
  section.querySelector(".edit-items").append(item);
  return item;
}

function addSection() {
  const all = form.querySelectorAll("[data-edit-section]");
  const fresh = all[all.length - 1].cloneNode(true);
  const name = `s${count++}.`;
  fresh.querySelector(".edit-items").replaceChildren();
  for (const field of fresh.querySelectorAll(".section-title")) {
    field.name = field.name.replace(/^s\d+\./, name);
    field.value = "";
  }
  form.querySelector(".edit-sections").append(fresh);
  addItem(fresh);
  return fresh;
}

form.addEventListener("click", (event) => {
  const button = event.target.closest("button[type=button]");
  if (!button) return;
  const part = button.closest("[data-edit-item], [data-edit-section]");
  if (button.dataset.move === "up") part.previousElementSibling?.before(part);
  if (button.dataset.move === "down") part.nextElementSibling?.after(part);
  if ("remove" in button.dataset) {
    const near = part.nextElementSibling ?? part.previousElementSibling;
    if (part.matches("[data-edit-section]") && !near) addSection();
    part.remove();
    (near ?? form).querySelector("input:not([type=hidden])")?.focus();
    return;
  }
  if ("addItem" in button.dataset) addItem(part).querySelector("input:not([type=hidden])").focus();
  else if ("addSection" in button.dataset) addSection().querySelector("input").focus();
  else button.focus();
});
