/** A line chart of one or more series, as wide as there is room. */

import { drawing, element } from "./dom.js";
import { figure } from "./text.js";

const WIDTH = 600;
const HEIGHT = 200;
const MARGIN = 6;

/**
 * `lines`: `[{name, values, from}]`, `from` the step at which the first value stands; `band`: `{name, low, high, from}`
 * or null. All values finite.
 */
export function chart(lines, band = null) {
  const values = [...lines.flatMap((line) => line.values), ...(band ? [...band.low, ...band.high] : [])];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const steps = Math.max(...lines.map((line) => line.from + line.values.length)) - 1;
  const x = (step) => (steps ? (step / steps) * WIDTH : WIDTH / 2);
  const y = (value) => HEIGHT - MARGIN - (most > least ? (value - least) / (most - least) : 0.5) * (HEIGHT - 2 * MARGIN);
  const path = (series, from) => series.map((value, i) => `${x(from + i).toFixed(2)},${y(value).toFixed(2)}`);
  const described = lines.map((line) => `${line.name}: ${line.values.length} values, ${ends(line.values)}`).join("; ");
  const picture = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `Line chart. ${described}` },
    ...[0.25, 0.5, 0.75].map((share) => drawing("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT * share, y2: HEIGHT * share })),
    ...(band ? [drawing("polygon", { class: "band", points: [...path(band.high, band.from), ...path(band.low, band.from).reverse()].join(" ") })] : []),
    ...lines.map((line, i) => drawing("polyline", { class: `line line-${i}`, points: path(line.values, line.from).join(" ") })),
  );
  return element("figure.chart", {},
    element("div.plot", {}, picture, element("span.most", {}, figure(most)), element("span.least", {}, figure(least))),
    element("figcaption", {}, lines.map((line, i) => element("span", {}, element("i", { class: `line-${i}`, "aria-hidden": "true" }), line.name)),
      band && element("span", {}, element("i.band", { "aria-hidden": "true" }), band.name)));
}

function ends(values) {
  return `from ${figure(values[0])} to ${figure(values.at(-1))}`;
}
