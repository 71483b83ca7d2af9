/** tabular-classification and -regression: a field for each column, and what each of them does to the answer. */

import { element } from "../dom.js";
import { Form } from "../form.js";
import { shown } from "../shown.js";
import { figure, spaced } from "../text.js";
import { question } from "../workbench.js";

const MOST_NAMED = 12;

export function table(model, { item, parameters, example }) {
  const form = new Form(item, example.inputs[0]);
  const options = new Form(parameters, example.parameters);
  const told = element("div.shown");
  const reasons = element("div.reasons");
  let changed = () => {};
  form.element.addEventListener("input", () => changed(true));
  return {
    title: "Row",
    hint: "Filled in with the model's own example; the answer follows as you change it.",
    button: "Ask",
    input: form.element,
    options,
    answer: element("div", {}, told, reasons),
    watch: (tell) => { changed = tell; },
    request: () => question(model, form.read(), options.read()),
    show: ({ output, request, explanation }) => {
      told.replaceChildren(...(Array.isArray(output) ? shown(output) : number(output)));
      reasons.replaceChildren(...(explanation ? why(explanation, request.item) : []));
      return Array.isArray(output) ? `${output[0].label}, ${figure(output[0].score)}` : figure(output.value);
    },
  };
}

function number({ value, interval }) {
  const between = interval && `${figure(interval.low)} to ${figure(interval.high)}, where ${Math.round(100 * interval.probability)} of 100 like it lay`;
  return [element("p.plain", {}, figure(value)), between && element("p.quiet", {}, between)].filter(Boolean);
}

/** What the answer loses, column by column, where one holds its typical value instead. */
function why(explanation, row) {
  const isClass = "label" in explanation;
  const moving = explanation.columns.filter(({ weight }) => weight !== 0);
  if (moving.length === 0) return [element("h4", {}, "Why"), element("p.quiet", {}, "No column by itself makes this answer another than that of a typical row.")];
  const most = Math.max(...moving.map(({ weight }) => Math.abs(weight)));
  const unnamed = moving.length - MOST_NAMED;
  return [
    element("h4", {}, isClass ? `What made it ${explanation.label}` : "What made it so"),
    element("ol.weights", {}, moving.slice(0, MOST_NAMED).map((each) => column(each, row[each.column], most))),
    unnamed > 0 && element("p.quiet", {}, `and ${unnamed} more, each with less`),
    element("p.legend", {}, element("span", {}, element("i.for", { "aria-hidden": "true" }), isClass ? "speaks for it" : "makes it more"), element("span", {}, element("i.against", { "aria-hidden": "true" }), isClass ? "speaks against it" : "makes it less")),
    element("p.quiet", {}, `How much the answer changes${isClass ? ", in log-odds," : ""} if a column alone held what is typical. A typical row has ${isClass ? figure(explanation.score_of_typical) : figure(explanation.value_of_typical)}.`),
  ].filter(Boolean);
}

function column({ column: name, weight, typical }, value, most) {
  const said = (each) => (each === null || each === undefined ? "missing" : typeof each === "number" ? figure(each) : each);
  return element(weight < 0 ? "li.against" : "li.for", { css: { "--share": (Math.abs(weight) / most).toFixed(3) } },
    element("span.label", {}, spaced(name), element("small", {}, `${said(value)}, typically ${said(typical)}`)),
    element("span.value", {}, `${weight < 0 ? "−" : "+"}${figure(Math.abs(weight))}`),
    element("span.bar", { "aria-hidden": "true" }));
}
