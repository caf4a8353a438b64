// Keeps the page up to date in place: what did not change stays as it is, with the focus, the selection and what was
// opened. The page works without this: it is then as of when it was loaded.
"use strict";

const SECONDS = 2;
const status = document.getElementById("status");
const said = document.getElementById("said");
const stale = document.getElementById("stale");
const drawn = new Map();
let answered = new Date();

function ago(at, now) {
  const minutes = Math.round((now - at) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h ago`;
  return `${Math.round(minutes / 1440)} days ago`;
}

function clock(at, now) {
  const sameDay = at.toDateString() === now.toDateString();
  const day = sameDay ? {} : { day: "numeric", month: "short", ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }) };
  return at.toLocaleString(undefined, { ...day, hour: "2-digit", minute: "2-digit" });
}

// Local times instead of UTC.
function localise(root) {
  const now = new Date();
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.textContent = `${clock(at, now)}, ${ago(at, now)}`;
    time.title = at.toString();
  }
}

function say(words) {
  if (words && words !== said.dataset.known) {
    if (said.dataset.known) said.textContent = words;
    said.dataset.known = words;
  }
}

function tell(isStale) {
  const beat = document.getElementById("beat");
  stale.hidden = !isStale;
  if (!isStale || !beat) return;
  const since = `${clock(answered, new Date())}, ${ago(answered, new Date())}`;
  stale.textContent = `The backend does not answer. What you see is as of ${since}.`;
  beat.className = "bad";
  beat.querySelector(".sign").textContent = "✗";
  beat.querySelector("span span").textContent = "does not answer";
}

let refreshing = false;

async function refresh() {
  if (document.hidden || refreshing) return;
  refreshing = true;
  try {
    const answer = await fetch("?fragment", { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = document.createElement("template");
    fresh.innerHTML = await answer.text();
    localise(fresh.content);
    Idiomorph.morph(status, [...fresh.content.childNodes], { morphStyle: "innerHTML", ignoreActiveValue: true, callbacks: KEEP });
    answered = new Date();
    tell(false);
  } catch {
    tell(true);
    return;
  } finally {
    refreshing = false;
  }
  draw();
  say(document.getElementById("runs").dataset.said);
}

const KEEP = {
  // What a person has opened or closed stays so.
  beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
  // A drawing belongs to this script: only its figures change.
  beforeNodeMorphed(old, fresh) {
    if (!old.classList?.contains("plot") || !fresh.classList?.contains("plot")) return true;
    old.dataset.points = fresh.dataset.points;
    return false;
  },
};

// Drawings beside their tables, by uPlot.
const SHOWN = {
  curve: {
    x: { time: false },
    columns: ["tasks", "low", "high", "expected", "measured"],
    series: (ink) => [
      { label: "tasks" },
      { label: "lowest", show: true, stroke: "transparent", points: { show: false } },
      { label: "highest", show: true, stroke: "transparent", points: { show: false } },
      { label: "expected", stroke: ink.accent, dash: [5, 4], width: 2, points: { show: false } },
      { label: "measured", stroke: ink.accent, width: 2, points: { show: true, size: 7, fill: ink.accent } },
    ],
    bands: (ink) => [{ series: [2, 1], fill: ink.accent + "33" }],
    legend: false,
  },
  versions: {
    x: { time: true },
    days: true,
    columns: ["at", "base", "then", "now"],
    series: (ink) => [
      { label: "published" },
      { label: "base model today", stroke: ink.soft, dash: [2, 4], width: 2, points: { show: false } },
      { label: "F1 then", stroke: ink.soft, width: 1.5, dash: [5, 4], points: { show: true, size: 7, fill: ink.paper } },
      { label: "F1 today", stroke: ink.accent, width: 2.5, points: { show: true, size: 8, fill: ink.accent } },
    ],
    bands: () => [],
    legend: true,
  },
};

function day(seconds) {
  return new Date(seconds * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

function inks() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["accent", "soft", "line", "paper", "ink"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function draw() {
  for (const [place, chart] of drawn) {
    if (!place.isConnected) { chart.uplot.destroy(); drawn.delete(place); }
  }
  const ink = inks();
  for (const place of document.querySelectorAll(".plot")) {
    const key = `${place.dataset.points}|${ink.paper}`;
    place.classList.add("drawn");
    const width = place.clientWidth;
    const known = drawn.get(place);
    if (known && known.key === key && known.width === width) continue;
    if (known) known.uplot.destroy();
    drawn.set(place, { key, width, uplot: plotted(place, width, ink) });
  }
}

function plotted(place, width, ink) {
  const kind = SHOWN[place.dataset.kind];
  const points = JSON.parse(place.dataset.points);
  const series = kind.series(ink);
  const axis = { stroke: ink.soft, grid: { stroke: ink.line, width: 1 }, ticks: { stroke: ink.line, width: 1 }, font: "12px system-ui, sans-serif" };
  const options = {
    width,
    height: place.clientHeight - (kind.legend ? 30 : 0),
    cursor: { show: false },
    legend: { show: kind.legend, live: false, markers: { fill: (_, place) => series[place].stroke } },
    scales: { x: kind.x },
    series,
    bands: kind.bands(ink),
    axes: [{ ...axis, space: 60, ...(kind.days && { values: (_, ticks) => ticks.map(day) }) }, { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => tick.toFixed(2)) }],
  };
  return new uPlot(options, kind.columns.map((name) => points[name]), place);
}

document.getElementById("still").hidden = true;
localise(document);
draw();
say(document.getElementById("runs").dataset.said);
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, SECONDS * 1000);
