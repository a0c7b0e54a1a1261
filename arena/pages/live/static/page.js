// The live view: receives the run's states and shows them.
// All text is inserted as text, never as HTML. Nothing is loaded from other servers.
"use strict";

const BUTTONS = ["UP", "DOWN", "LEFT", "RIGHT", "A", "B", "C", "X", "Y", "Z", "START", "MODE"];
const SVG = "http://www.w3.org/2000/svg";
const CALM_MILLISECONDS = 1000;  // between two frames, if the user prefers reduced motion

const find = (selector, root = document) => root.querySelector(selector);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const cards = new Map();
let stream = null;
let paused = false;
let ended = false;
let drawn = 0;

function number(value, digits = 0) {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = String(Math.floor(seconds % 60)).padStart(2, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

// A level's name, without the game if all levels are of one game.
let oneGame = false;
function shortName(level) {
  return oneGame ? level.game_state : level.name;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function open() {
  if (stream || paused || ended || document.hidden) return;
  stream = new EventSource("events");
  stream.onmessage = (event) => show(JSON.parse(event.data));
  stream.onerror = () => { if (!ended) say("no connection: the run has ended or was interrupted"); };
}

function close() {
  if (stream) stream.close();
  stream = null;
}

function say(text) {
  put(find("#status"), text);
}

function show(state) {
  ended = state.ended;
  if (ended) {
    close();
    find("#pause").hidden = true;
    put(find("#others h2"), "Levels");
    if (state.report) offerReport(state.report);
  }
  const playing = state.levels.filter((level) => level.state === "starting" || level.state === "playing");
  const others = state.levels.filter((level) => !playing.includes(level));
  showTotals(state, playing);
  const quiet = calm.matches && performance.now() - drawn < CALM_MILLISECONDS && !ended;
  if (!quiet) drawn = performance.now();
  for (const [name, card] of cards) {
    if (!playing.some((level) => level.name === name)) {
      card.remove();
      cards.delete(name);
    }
  }
  for (const level of playing) showLevel(level, state.lock_in, quiet);
  showOthers(others);
  document.documentElement.dataset.states = Number(document.documentElement.dataset.states || 0) + 1;
}

function showTotals(state, playing) {
  const games = new Set(state.levels.map((level) => level.game));
  oneGame = games.size === 1;
  put(find("#agent"), oneGame ? `${state.agent} plays ${[...games][0]}` : state.agent);
  document.title = `${number(state.mean)} · ${state.agent}`;
  const done = state.levels.filter((level) => level.state === "done").length;
  const speed = playing.reduce((sum, level) => sum + (level.steps_per_second || 0), 0);
  const totals = {
    mean: number(state.mean, 1),
    done: `${done} of ${state.levels.length}`,
    speed: speed ? number(speed) : "–",
    seconds: duration(state.seconds),
  };
  for (const [name, text] of Object.entries(totals)) put(find(`[data-total=${name}]`), text);
  const waiting = done === state.levels.length ? "writing the report" : "starting";
  say(ended ? "the run has ended" : playing.length ? "playing" : waiting);
}

function makeCard(level) {
  const card = find("#level").content.firstElementChild.cloneNode(true);
  put(find("h2", card), shortName(level));
  card.dataset.level = level.name;
  for (const button of BUTTONS) {
    const key = document.createElement("span");
    key.textContent = button;
    find(".keys", card).append(key);
  }
  find("#playing").append(card);
  cards.set(level.name, card);
  return card;
}

function showLevel(level, lockIn, quiet) {
  const card = cards.get(level.name) || makeCard(level);
  const now = level.now;
  const values = {
    ...level,
    left: Math.max(0, level.budget_steps - level.timesteps),
    episode_return: now ? now.episode_return : null,
  };
  for (const place of card.querySelectorAll("[data-value]")) {
    put(place, number(values[place.dataset.value]));
  }
  const progress = find("progress", card);
  progress.max = level.budget_steps;
  progress.value = Math.min(level.timesteps, level.budget_steps);
  find(".badge", card).hidden = level.locked_in_at === null;
  put(find(".frame figcaption", card), level.state === "starting" ? "starting" : "game");
  for (const key of find(".keys", card).children) {
    key.classList.toggle("down", Boolean(now) && now.buttons.includes(key.textContent));
  }
  showReturns(find(".returns", card), level, lockIn);
  if (now && !quiet) {
    showPicture(find(".frame img", card), now.frame);
    showPicture(find(".reconstruction img", card), now.reconstruction);
    showPicture(find(".prediction img", card), now.prediction);
  }
}

function showPicture(image, data) {
  if (!data) return;
  image.src = `data:image/jpeg;base64,${data}`;
  image.hidden = false;
  image.parentElement.classList.add("shown");
  image.parentElement.hidden = false;
}

// The last returns as dots, with the lock-in threshold if it is at most four times the highest.
function showReturns(place, level, lockIn) {
  const key = `${level.episodes} ${level.locked_from}`;
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  const first = level.episodes - level.returns.length;
  const shown = level.returns
    .map((value, index) => ({value, index, locked: level.locked_from !== null && first + index >= level.locked_from}))
    .filter(({value}) => value !== null);
  const returns = shown.map(({value}) => value);
  const highest = returns.length ? Math.max(1e-3, ...returns) : lockIn || 1;
  const inReach = lockIn !== null && lockIn <= 4 * highest;
  const top = 1.05 * (inReach ? Math.max(highest, lockIn) : highest);
  const bottom = Math.min(0, ...returns);
  const y = (value) => 97 - 94 * (value - bottom) / (top - bottom);
  const svg = find("svg", place);
  put(find("title", svg), returns.length
    ? `Returns of the last ${returns.length} episodes, from ${number(Math.min(...returns))} to ${number(Math.max(...returns))}`
    : "No episode has finished yet");
  for (const old of place.querySelectorAll("line, .tick")) old.remove();
  const marks = ticks(bottom, top);
  const digits = Math.max(0, Math.ceil(-Math.log10(marks[1] - marks[0])));
  for (const value of marks) {
    line(svg, "grid", 0, y(value), 300, y(value));
    const label = document.createElement("span");
    label.className = "tick";
    label.style.top = `${y(value)}%`;
    label.textContent = number(value, digits);
    svg.parentElement.append(label);
  }
  if (inReach) line(svg, "threshold", 0, y(lockIn), 300, y(lockIn));
  for (const {value, index, locked} of shown) {
    const x = 6 + 288 * (level.returns.length > 1 ? index / (level.returns.length - 1) : 0);
    line(svg, locked ? "dot locked" : "dot", x, y(value), x, y(value));  // round ends make a dot
  }
  showLegend(find(".legend", place), shown, lockIn, inReach);
  const [left, right] = find(".episodes", place).children;
  put(left, returns.length ? `episode ${number(first + 1)}` : "");
  put(right, level.returns.length > 1 ? number(level.episodes) : "");
}

function showLegend(list, shown, lockIn, inReach) {
  const entries = shown.length ? [["", "episode return"]] : [["", "no episode has finished yet"]];
  if (shown.some(({locked}) => locked)) entries.push(["locked", "locked in"]);
  if (lockIn !== null) {
    entries.push(["threshold", `lock-in threshold ${number(lockIn)}${inReach ? "" : " (above the plot)"}`]);
  }
  list.replaceChildren(...entries.map(([kind, text]) => {
    const [entry, sign] = [document.createElement("li"), document.createElement("span")];
    sign.className = `sign ${kind}`;
    entry.append(sign, text);
    return entry;
  }));
}

// Two to five round numbers between the ends of an axis.
function ticks(bottom, top) {
  const rough = (top - bottom) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const [first, last] = [Math.ceil(bottom / step), Math.floor(top / step)];
  return Array.from({length: last - first + 1}, (_, index) => (first + index) * step);
}

// The server ends with the run, so the page keeps the report itself. It is saved as a file: this
// page's content policy would forbid its scripts.
async function offerReport(report) {
  const place = find("#report");
  const link = find("a", place);
  put(find("code", place), report.path);
  place.hidden = false;
  try {
    const answer = await fetch("report.html");
    if (!answer.ok) throw new Error(answer.statusText);
    link.href = URL.createObjectURL(await answer.blob());
    link.download = report.name;
  } catch {
    put(link, "The report is");
  }
}

function line(svg, name, x1, y1, x2, y2) {
  const element = document.createElementNS(SVG, "line");
  element.setAttribute("class", name);
  for (const [key, value] of Object.entries({x1, y1, x2, y2})) element.setAttribute(key, value.toFixed(1));
  svg.append(element);
}

function showOthers(levels) {
  const section = find("#others");
  section.hidden = levels.length === 0;
  const rows = levels.map((level) => [
    shortName(level),
    {waiting: "waiting", done: "done"}[level.state] || level.state,
    number(level.score, 1), number(level.best), number(level.episodes), number(level.locked_in_at),
  ]);
  const key = JSON.stringify(rows);
  if (section.dataset.key === key) return;
  section.dataset.key = key;
  find("tbody", section).replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    for (const [index, text] of cells.entries()) {
      const cell = document.createElement(index ? "td" : "th");
      if (!index) cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }));
}

find("#pause").addEventListener("click", () => {
  paused = !paused;
  find("#pause").setAttribute("aria-pressed", String(paused));
  put(find("#pause"), paused ? "Resume" : "Pause");
  if (paused) {
    close();
    say("paused: the run continues");
  } else {
    open();
  }
});
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
open();
