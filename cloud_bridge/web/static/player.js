// The player of one press: waveform from precomputed peaks, marks of press, gaps and answers, keys.
// Without it <audio controls> remains.

import WaveSurfer from "./vendor/wavesurfer.esm.js";

const STEP_S = 5;
const HOME_S = 10;
let wanted = "1";
// Quiet sound is drawn larger, but a silent room must not look like shouting.
const LOUDEST_MIN = 0.05;

function clock(seconds) {
  const whole = Math.floor(Math.max(0, seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function channels(values) {
  const high = [];
  const low = [];
  for (let i = 0; i + 1 < values.length; i += 2) {
    low.push(Math.max(0, -values[i]) / 128);
    high.push(Math.max(0, values[i + 1]) / 128);
  }
  const loudest = [...high, ...low].reduce((a, b) => Math.max(a, b), LOUDEST_MIN);
  return [high.map((v) => v / loudest), low.map((v) => v / loudest)];
}

async function draw(player, audio, duration) {
  const answer = await fetch(player.dataset.peaks);
  if (!answer.ok) return null;
  const { values } = await answer.json();
  const wave = WaveSurfer.create({
    container: player.querySelector(".wave-canvas"),
    media: audio,
    peaks: channels(values),
    duration,
    height: "auto",
    waveColor: colour("--wave"),
    progressColor: colour("--brand"),
    cursorColor: colour("--ink"),
    cursorWidth: 2,
    barWidth: 2,
    barGap: 1,
    barRadius: 2,
    dragToSeek: true,
    hideScrollbar: true,
    // The document's own: a part that was fetched later brings the nonce of an answer that rules nothing here.
    cspNonce: document.querySelector("meta[name=style-nonce]").content,
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    wave.setOptions({ waveColor: colour("--wave"), progressColor: colour("--brand"), cursorColor: colour("--ink") }),
  );
  return wave;
}

function marks(player, duration) {
  const percent = (seconds) => `${Math.min(100, Math.max(0, (seconds / duration) * 100))}%`;
  const mark = player.querySelector(".wave-press");
  mark.style.left = percent(Number(mark.dataset.at));
  mark.classList.toggle("late", Number(mark.dataset.at) > duration * 0.8);
  for (const gap of player.querySelectorAll(".wave-gap")) {
    gap.style.left = percent(Number(gap.dataset.start));
    gap.style.width = percent(Number(gap.dataset.end) - Number(gap.dataset.start));
  }
  for (const answer of player.querySelectorAll(".wave-marks [data-at]")) {
    answer.style.left = percent(Number(answer.dataset.at));
  }
}

function start(player) {
  const audio = player.querySelector("audio");
  const duration = Number(player.dataset.duration);
  const press = Number(player.dataset.press);
  const slider = player.querySelector(".wave");
  const play = player.querySelector("[data-do=play]");
  const seek = (to) => {
    audio.currentTime = Math.min(duration, Math.max(0, to));
  };
  const actions = {
    play: () => (audio.paused ? audio.play().catch(() => failed()) : audio.pause()),
    back: () => seek(audio.currentTime - STEP_S),
    forward: () => seek(audio.currentTime + STEP_S),
    home: () => seek(press - HOME_S),
    slower: () => step(-1),
    faster: () => step(1),
    // What no key or button asks for, but other scripts of the page.
    at: () => audio.currentTime,
    seek,
    mark: () => marks(player, duration),
    begin: () => {
      seek(press - HOME_S);
      // Before the first key or click browsers let nothing play by itself; that is no failure of the sound.
      audio.play().catch((error) => ["NotAllowedError", "AbortError"].includes(error.name) || failed());
    },
    stop: () => {
      audio.pause();
      drawn.then((wave) => wave?.destroy());
    },
  };
  const speed = player.querySelector("[data-speed]");
  const step = (by) => {
    const index = Math.min(speed.options.length - 1, Math.max(0, speed.selectedIndex + by));
    speed.selectedIndex = index;
    speed.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const failed = () => {
    player.querySelector("[data-audio-error]").hidden = false;
  };
  const show = () => {
    player.classList.toggle("playing", !audio.paused);
    play.querySelector(".play-text").textContent = audio.paused ? player.dataset.play : player.dataset.pause;
    player.querySelector("[data-now]").textContent = clock(audio.currentTime);
    slider.setAttribute("aria-valuenow", audio.currentTime.toFixed(1));
    slider.setAttribute(
      "aria-valuetext",
      player.dataset.position.replace("{position}", clock(audio.currentTime)).replace("{duration}", clock(duration)),
    );
  };

  for (const button of player.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => actions[button.dataset.do]());
  }
  const pace = () => {
    audio.playbackRate = Number(speed.value);
    wanted = speed.value;
  };
  speed.addEventListener("change", pace);
  // The next sound goes on at the speed that was chosen for the one before.
  speed.value = wanted;
  pace();
  player.querySelector(".wave-marks")?.addEventListener("click", (event) => {
    const answer = event.target.closest("[data-at]");
    if (answer) seek(Number(answer.dataset.at));
  });
  for (const name of ["play", "pause", "timeupdate", "seeked", "ended"]) audio.addEventListener(name, show);
  audio.addEventListener("error", failed);
  if (audio.error) failed();
  player.querySelector("[data-total]").textContent = clock(duration);
  for (const part of player.querySelectorAll(".wave, .transport")) part.hidden = false;
  player.classList.add("ready");
  marks(player, duration);
  show();
  const drawn = draw(player, audio, duration);
  return actions;
}

const KEYS = { " ": "play", ArrowLeft: "back", ArrowRight: "forward", Home: "home", "[": "slower", "]": "faster" };
let main = null;

document.addEventListener("keydown", (event) => {
  const act = KEYS[event.key];
  if (!act || !main || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  // Controls keep the keys that they need themselves.
  const control = event.target.closest("input, select, textarea, audio, pre");
  if (control || (event.key === " " && event.target.closest("button, a, summary"))) return;
  event.preventDefault();
  main[act]();
});

// The main player of the page, or null.
export function current() {
  return main;
}

// Starts the players that the document holds now; whoever takes one out of it stops it first.
export function begin() {
  const started = [...document.querySelectorAll("[data-player]")].map(start);
  main = started[0] ?? null;
  const state = document.getElementById("press-state");
  if (!state?.dataset.wait) return;
  // The sound is still to come: the page is drawn anew at each change until it has.
  const source = new EventSource(state.dataset.wait);
  source.addEventListener("row", async () => {
    source.close();
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content");
    document.getElementById("content").replaceWith(fresh);
    begin();
  });
  window.addEventListener("pagehide", () => source.close());
}

begin();
