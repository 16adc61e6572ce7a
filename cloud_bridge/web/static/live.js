// The live list of presses: rows come as server-sent events and take their place by their time.

const MAX_ROWS = 500;
const list = document.getElementById("presses");
const empty = document.getElementById("empty");
const announcer = document.getElementById("announcer");
const toggle = document.getElementById("live");
const filter = document.querySelector("form.filter");

filter.addEventListener("change", () => filter.requestSubmit());
filter.querySelector("button").classList.add("visually-hidden");
filter.addEventListener("submit", () => {
  // Empty choices would only make the address long.
  for (const select of filter.elements) if (select.value === "") select.disabled = true;
});
// Coming back shows the page as it was left, with choices disabled.
window.addEventListener("pageshow", () => {
  for (const select of filter.elements) select.disabled = false;
});

function rowFrom(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("li");
}

function place(row) {
  const later = [...list.children].find((other) => other.dataset.order < row.dataset.order);
  const older = document.getElementById("older");
  // Rows beyond the end of this page belong to an older one.
  if (!later && older && list.children.length) return false;
  list.insertBefore(row, later ?? null);
  while (list.children.length > MAX_ROWS) list.lastElementChild.remove();
  if (older) {
    const address = new URL(older.href);
    address.searchParams.set("cursor", list.lastElementChild.dataset.cursor);
    older.href = address.href;
  }
  return true;
}

function take(html) {
  const row = rowFrom(html);
  const old = document.getElementById(row.id);
  if (old && old.dataset.order === row.dataset.order) {
    const focused = old.contains(document.activeElement);
    old.replaceWith(row);
    if (focused) row.querySelector("a").focus();
    return;
  }
  old?.remove();
  if (place(row) && !old) {
    row.classList.add("fresh");
    announcer.textContent = row.dataset.announce;
  }
  empty.hidden = list.children.length > 0;
}

function drop(id) {
  document.getElementById(`press-${id}`)?.remove();
  empty.hidden = list.children.length > 0;
}

if (list.dataset.liveUrl && toggle) {
  const address = new URL(list.dataset.liveUrl, location.href);
  let source = null;

  const show = (state) => {
    toggle.setAttribute("aria-pressed", String(state !== "paused"));
    toggle.classList.toggle("lost", state === "lost");
    toggle.querySelector(".live-text").textContent = toggle.dataset[state];
  };

  const listen = () => {
    source = new EventSource(address);
    source.addEventListener("open", () => show("live"));
    source.addEventListener("error", () => {
      show("lost");
      // The browser gives up for good when the answer is not a stream, as after the end of the session.
      if (source.readyState === EventSource.CLOSED) location.reload();
    });
    const follow = (act) => (event) => {
      address.searchParams.set("after", event.lastEventId);
      act(event.data);
    };
    source.addEventListener("row", follow(take));
    source.addEventListener("gone", follow(drop));
  };

  toggle.addEventListener("click", () => {
    if (source) {
      source.close();
      source = null;
      show("paused");
    } else {
      listen();
      show("live");
    }
  });
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && source) listen();
  });
  toggle.hidden = false;
  listen();
}
