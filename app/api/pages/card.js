/** The card of a model: how good it is, made from what, under which licence, and what it cannot do. */

import { element } from "./dom.js";
import { figure, spaced } from "./text.js";

const FIRST_FIGURES = 4;

export function card(facts) {
  const figures = facts.metrics ?? [];
  return element("section.card", { "aria-label": "Model card" },
    element("h3", {}, "What is known of this model"),
    element("div.card-columns", {},
      element("div", {},
        figures.length > 0 && [
          element("h4", {}, "How good it is"),
          table("Figures", figures.slice(0, FIRST_FIGURES)),
          figures.length > FIRST_FIGURES && more(`All ${figures.length} figures`, table("All figures", figures)),
        ],
        facts.drift?.measures?.length > 0 && more("Drift since training", drift(facts.drift)),
        facts.limits?.length > 0 && [element("h4", {}, "What it cannot do"), element("ul.limits", {}, facts.limits.map((limit) => element("li", {}, limit)))],
      ),
      element("div", {},
        element("h4", {}, "What it is"),
        element("dl", {}, traits(facts).map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
        facts.provenance && origin(facts.provenance),
      ),
    ),
  );
}

function table(name, figures) {
  const baselines = [...new Set(figures.flatMap((each) => Object.keys(each.baselines ?? {})))];
  return element("div.scroll", { tabindex: "0", role: "region", "aria-label": name }, element("table", {},
    element("thead", {}, element("tr", {}, ["measure", "this model", ...baselines].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, figures.map((each) => element("tr", {},
      element("th", { scope: "row" }, spaced(each.name), element("small", {}, [each.dataset, each.split].filter(Boolean).join("; "))),
      element("td.ours", {}, figure(each.value)),
      baselines.map((name) => element("td", {}, name in (each.baselines ?? {}) ? figure(each.baselines[name]) : "–")))))));
}

/** Of the latest answers beside those of training; few say nothing. */
function drift({ dataset, split, measures }) {
  return element("div.scroll", { tabindex: "0", role: "region", "aria-label": "Drift" }, element("table", {},
    element("caption", {}, `Beside ${[dataset, split].filter(Boolean).join("; ")}`),
    element("thead", {}, element("tr", {}, ["measure", "PSI", "KS", "answers", "state"].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, measures.map(({ measure, psi, ks, answers, state }) => element("tr", {},
      element("th", { scope: "row" }, measure),
      [psi, ks].map((each) => element("td", {}, each === null ? "–" : figure(each))), element("td", {}, figure(answers)), element("td", {}, state))))));
}

function traits({ licence, runtime, precision, placements = {}, version, versions = [], inputs = [], outputs = [] }) {
  const others = versions.filter((each) => each.version !== version);
  return [
    ["licence", licence],
    ["version", [version, ...others.map((each) => `${each.version} (${each.state}${each.reason && `: ${each.reason}`})`)].join(", ")],
    ["graph", [runtime, precision].filter(Boolean).join(", ")],
    ...Object.entries(placements).map(([graph, { device, reason }]) => [`runs (${graph})`, [device, reason].filter(Boolean).join(": ")]),
    ["reads", inputs.map(tensor).join(", ")],
    ["gives", outputs.map(tensor).join(", ")],
  ].filter(([, value]) => value);
}

function tensor({ name, datatype, shape }) {
  return `${name} ${datatype} [${shape.map((size) => (size < 0 ? "any" : size)).join(", ")}]`;
}

function origin({ sources = [], command, created, duration_s: seconds, notes }) {
  return [
    element("h4", {}, "What it was made from"),
    element("ul.sources", {}, sources.map((source) => element("li", {},
      element("strong", {}, [source.name, source.version].filter(Boolean).join(" ")),
      source.used_for && `, for ${source.used_for}`, element("small", {}, source.licence)))),
    command && element("p.quiet", {}, element("code", {}, command), [created && ` on ${created.slice(0, 10)}`, seconds && ` in ${figure(seconds)} s`]),
    notes && more("How it was made and judged", element("p", {}, notes)),
  ];
}

function more(title, content) {
  return element("details", {}, element("summary", {}, title), content);
}
