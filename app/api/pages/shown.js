/** Any output, shown by its form: labels, a forecast, a series, a picture, or else as JSON. */

import { Bars } from "./bars.js";
import { chart } from "./chart.js";
import { drawing, element } from "./dom.js";
import { figure, spaced } from "./text.js";

const SIGNATURES = { iVBORw0KGgo: "image/png", "/9j/": "image/jpeg", R0lGOD: "image/gif", UklGR: "image/webp" };
const LONGEST_TEXT = 160;
const LONGEST_JSON = 20_000;
const MOST_CELLS = 4096;
const FEWEST_POINTS = 8; // fewer numbers are hardly ever a series: of three classes, say, no line leads from one to the next

/** Nodes for `output`, which answers `input`; `names` are those of the classes, by the output's name. */
export function shown(output, input, names = {}) {
  if (isLabels(output)) return [bars(output)];
  if (isForecast(output)) return [forecast(output, input)];
  if (isSeries(output)) return [chart([{ name: "answer", values: output, from: 0 }])];
  if (isGrid(output)) return [grid(output)];
  if (isPicture(output)) return [picture(output)];
  if (output === null || typeof output !== "object") return [element("p.plain", {}, typeof output === "number" ? figure(output) : String(output))];
  if (Array.isArray(output)) return [json(output)];
  return Object.entries(output).map(([name, value]) => element("section.part", {}, element("h4", {}, spaced(name)), named(value, names[name]) ?? shown(value, input)));
}

/** Numbers beside the names of their classes; undefined where they do not fit. */
function named(values, names) {
  if (!isNumbers(values) || values.length !== names?.length) return undefined;
  const labels = names.map((label, i) => ({ label, score: values[i] })).sort((one, other) => other.score - one.score);
  if (values.every(isShare)) return bars(labels);
  return element("ol", {}, ...labels.map(({ label, score }) => element("li", {}, `${label}: ${figure(score)}`)));
}

function bars(labels) {
  const drawn = new Bars();
  drawn.show(labels);
  return drawn.element;
}

/** JSON as text, long texts cut: they are pictures mostly. */
export function json(value) {
  const text = JSON.stringify(value, (_, each) =>
    typeof each === "string" && each.length > LONGEST_TEXT ? `${each.slice(0, LONGEST_TEXT)}… (${each.length} characters)` : each, 1);
  const cut = text.length > LONGEST_JSON ? `${text.slice(0, LONGEST_JSON)}\n… (${text.length} characters)` : text;
  return element("pre", { tabindex: "0", role: "region", "aria-label": "JSON" }, element("code", {}, cut));
}

export function picture(base64, alt = "The picture that the model gave") {
  return element("img.picture", { src: `data:${mediaType(base64)};base64,${base64}`, alt });
}

function isLabels(output) {
  return Array.isArray(output) && output.length > 0 && output.every((each) => typeof each?.label === "string" && isShare(each.score) && !("start" in each)); // a part of a text has a place, too
}

function isShare(value) {
  return Number.isFinite(value) && value >= 0 && value <= 1;
}

function isSeries(output) {
  return isNumbers(output) && output.length >= FEWEST_POINTS;
}

function isNumbers(output) {
  return Array.isArray(output) && output.length > 1 && output.every(Number.isFinite);
}

function isGrid(output) {
  return Array.isArray(output) && output.length > 1 && output.length * output[0]?.length <= MOST_CELLS
    && output.every((row) => isNumbers(row) && row.length === output[0].length);
}

function isForecast(output) {
  return isNumbers(output?.median) && typeof output.quantiles === "object" && Object.values(output.quantiles).every(isNumbers);
}

function isPicture(output) {
  return typeof output === "string" && output.length > 60 && mediaType(output) !== undefined;
}

function mediaType(base64) {
  return Object.entries(SIGNATURES).find(([start]) => base64.startsWith(start))?.[1];
}

function forecast({ median, quantiles }, input) {
  const past = isNumbers(input?.values) ? input.values : [];
  const levels = Object.keys(quantiles).sort((one, other) => one - other);
  const [low, high] = [quantiles[levels[0]], quantiles[levels.at(-1)]];
  // From the last known value on, or there would be a gap between the past and what comes.
  const last = past.slice(-1);
  const from = past.length - last.length;
  const lines = [...(past.length ? [{ name: "past", values: past, from: 0 }] : []), { name: "median forecast", values: [...last, ...median], from }];
  const band = levels.length > 1 ? { name: `between quantiles ${levels[0]} and ${levels.at(-1)}`, low: [...last, ...low], high: [...last, ...high], from } : null;
  return chart(lines, band);
}

/** A table of numbers as shades: what is large is dark. */
function grid(rows) {
  const values = rows.flat();
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const shade = (value) => (most > least ? (value - least) / (most - least) : 0.5).toFixed(3);
  return element("figure.chart", {},
    drawing("svg", { class: "grid-picture", viewBox: `0 0 ${rows[0].length} ${rows.length}`, role: "img", "aria-label": `${rows.length} × ${rows[0].length} numbers from ${figure(least)} to ${figure(most)}` },
      ...rows.flatMap((row, y) => row.map((value, x) => drawing("rect", { x, y, width: 1, height: 1, "fill-opacity": shade(value) })))),
    element("figcaption", {}, `${rows.length} × ${rows[0].length} numbers from ${figure(least)} (light) to ${figure(most)} (dark)`));
}
