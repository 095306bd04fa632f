"use strict";
// Three parts that know nothing of each other: the theme, the curves, the tables and figures.

const byId = (id) => document.getElementById(id);
const data = (id) => JSON.parse(byId(id).textContent);

// -- light and dark ---------------------------------------------------------------------------------------------------

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").setAttribute("aria-pressed", String(dark));
  byId("theme").textContent = dark ? "Light" : "Dark";
  drawCurves();
}

// -- curves -----------------------------------------------------------------------------------------------------------

const curves = data("data-curves");
const hidden = new Set();

function fill(select, entries) {
  for (const [value, text] of entries) select.add(new Option(text, value));
}

// Data set, training points and z: a choice that does not exist together changes the others.
const coordinates = ["dataset", "n_train", "z"];
let place = curves.places[0];

function preparePlaces() {
  for (const key of coordinates) {
    const select = byId(key), values = [...new Set(curves.places.map((each) => String(each[key])))];
    fill(select, values.map((value) => [value, value]));
    select.parentElement.hidden = values.length < 2;
    select.addEventListener("change", () => {
      const agreeing = (other) => coordinates.filter((each) => other[each] === place[each]).length;
      const found = curves.places.filter((other) => String(other[key]) === select.value);
      place = found.reduce((best, other) => (agreeing(other) > agreeing(best) ? other : best));
      for (const each of coordinates) byId(each).value = String(place[each]);
      drawCurves();
    });
  }
}

function prepareCurves() {
  preparePlaces();
  fill(byId("clock"), Object.entries(curves.clocks));
  for (const { name, colour, glyph } of curves.algorithms) {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true, value: name });
    const swatch = Object.assign(document.createElement("span"), { textContent: glyph, ariaHidden: "true" });
    swatch.style.color = colour;
    box.addEventListener("change", () => { box.checked ? hidden.delete(name) : hidden.add(name); drawCurves(); });
    label.append(box, " ", swatch, ` ${name}`);
    byId("algorithms").append(label);
  }
  for (const id of ["clock", "scale", "test", "train", "likelihood"]) byId(id).addEventListener("change", drawCurves);
}

function tracesOf(line, { colour, symbol }) {
  const name = escaped(line.algorithm);
  const about = { name, legendgroup: line.algorithm, showlegend: false };
  const hover = `${name}<br>%{x:.4~s}: %{y:.2f} nats`;
  if (line.kind === "excluded") {
    return [{ ...about, x: line.x, y: line.y, mode: "lines", line: { color: colour, dash: "dot", width: 1 }, hovertemplate: `${hover}<extra>not in the mean</extra>` }];
  }
  if (line.kind === "likelihood") {
    const error_y = { type: "data", array: [line.spread ?? 0], visible: true, color: colour };
    return [{ ...about, x: line.x, y: line.y, mode: "markers", error_y, marker: { color: colour, size: 10, symbol: `${symbol}-open`, line: { width: 2 } }, hovertemplate: `${hover}${line.spread == null ? "" : ` ± ${line.spread.toPrecision(2)} over seeds`}<extra>log-likelihood</extra>` }];
  }
  const band = line.kind === "test"
    ? [{ ...about, x: line.x.concat([...line.x].reverse()), y: line.high.concat([...line.low].reverse()), fill: "toself", fillcolor: `${colour}33`, line: { width: 0 }, mode: "lines", hoverinfo: "skip" }]
    : [];
  const dash = line.kind === "test" ? "solid" : "dash";
  return [...band, { ...about, x: line.x, y: line.y, mode: "lines+markers", marker: { size: 5, symbol }, line: { color: colour, dash, width: 2 }, hovertemplate: `${hover}<extra>${line.kind}, ${line.seeds} seeds</extra>` }];
}

function drawCurves() {
  const [clock, scale] = ["clock", "scale"].map((id) => byId(id).value);
  const looks = new Map(curves.algorithms.map((look) => [look.name, look]));
  const kinds = new Set(["test", "train", "likelihood"].filter((id) => byId(id).checked));
  if (kinds.has("test")) kinds.add("excluded");
  const shown = curves.lines.filter((line) => line.place === place?.name && line.clock === clock && kinds.has(line.kind) && !hidden.has(line.algorithm));
  const style = getComputedStyle(document.documentElement);
  const [ink, grid] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
  const axis = { gridcolor: grid, linecolor: grid, zeroline: false, automargin: true };
  const y = visibleRange(shown);
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink }, margin: { l: 60, r: 15, t: 10, b: 50 },
    xaxis: { ...axis, type: scale, title: { text: curves.clocks[clock] }, exponentformat: "power", ...reach(shown, y, scale) },
    yaxis: { ...axis, title: { text: "nats per datapoint" }, range: y },
    hovermode: "closest", dragmode: "zoom",
  };
  byId("figure-of-clock").textContent = curves.figures[clock] ?? "";
  const traces = shown.flatMap((line) => tracesOf(line, looks.get(line.algorithm)));
  traces.sort((a, b) => ("fill" in b) - ("fill" in a));  // all bands below all lines
  Plotly.react("chart", traces, layout, { responsive: true, displaylogo: false });
}

// An untrained model lies hundreds of nats below a trained one: the lower half of each curve is left out at first.
function visibleRange(lines) {
  const halves = lines.map(({ y }) => [...y].filter((value) => value !== null).sort((a, b) => a - b)).filter((y) => y.length);
  if (!halves.length) return undefined;
  const low = Math.min(...halves.map((y) => y[Math.floor((y.length - 1) / 2)]));
  const high = Math.max(...halves.map((y) => y[y.length - 1]), ...lines.filter(({ kind }) => kind === "likelihood").map(({ y, spread }) => y[0] + (spread ?? 0)));
  const margin = 0.07 * (high - low) || 1;
  return [low - margin, high + margin];
}

// From where the first line comes into that range to the end; fewer labels where Plotly would number every tick.
function reach(lines, range, scale) {
  const marks = range ? lines.flatMap(({ x, y }) => x.filter((_, i) => y[i] !== null && y[i] >= range[0])) : [];
  if (!marks.length) return {};
  const first = Math.min(...marks), last = Math.max(...marks);
  if (scale === "linear") return { range: [0, 1.04 * last] };
  return { range: [Math.log10(first) - 0.15, Math.log10(last) + 0.08], ...(last < 1000 * first && { dtick: "D2" }) };
}

// Plotly reads names as HTML.
const escaped = (text) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

// -- tables and figures -----------------------------------------------------------------------------------------------

// "-24.56 ± 0.14" is a number, "never" an infinite one, "–" none at all.
function sortKey(text) {
  if (text === "–" || text === "") return null;
  if (text.startsWith("never") || text === "x inf") return Infinity;
  const number = /^(?:x )?([-+<]?\d[\d.]*(?:e[-+]?\d+)?)/.exec(text);
  return number ? parseFloat(number[1].replace("<", "")) : text;
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return typeof a === "number" ? a - b : a.localeCompare(b);
}

function sortBy(heading) {
  const row = heading.parentElement, body = heading.closest("table").tBodies[0];
  const column = [...row.children].indexOf(heading);
  const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of row.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const keyed = [...body.rows].map((each) => [sortKey(each.cells[column].textContent), each]);
  keyed.sort(([a], [b]) => (a === null || b === null ? compare(a, b) : sign * compare(a, b)));
  body.append(...keyed.map(([, each]) => each));
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page opened as a file may not use the clipboard that way
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function prepareTables() {
  const copies = data("data-copies");
  for (const heading of document.querySelectorAll("th")) heading.querySelector("button").addEventListener("click", () => sortBy(heading));
  for (const group of document.querySelectorAll(".copies")) {
    for (const button of group.querySelectorAll("button")) {
      button.addEventListener("click", async () => {
        await copy(copies[group.dataset.table][button.dataset.form]);
        group.querySelector("[role=status]").textContent = `Copied as ${button.dataset.form}.`;
      });
    }
  }
}

function prepareFigures() {
  const dialog = byId("enlarged"), image = dialog.querySelector("img");
  for (const button of document.querySelectorAll(".enlarge")) {
    const small = button.querySelector("img");
    button.addEventListener("click", () => { image.src = small.src; image.alt = small.alt; dialog.showModal(); });
  }
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

prepareCurves();
prepareTables();
prepareFigures();
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
