/** Where the time of a request went, from its Server-Timing header (W3C). */

import { element } from "./dom.js";

const NAMES = {
  preprocess: "preparing the input",
  queue: "waiting for a free worker",
  inference: "the model",
  postprocess: "forming the answer",
};

/** `{parts: [{name, ms}], batch}` of a header such as `queue;dur=0.1, batch;desc="1x8", inference;dur=3.2`. */
export function parsed(header) {
  const parts = [];
  let batch = null;
  for (const metric of (header ?? "").split(",")) {
    const [name, ...settings] = metric.split(";").map((word) => word.trim());
    const values = Object.fromEntries(settings.map((setting) => setting.split("=", 2)));
    if (name === "batch") batch = values.desc?.replaceAll('"', "");
    else if (values.dur !== undefined) parts.push({ name, ms: Number(values.dur) });
  }
  return { parts, batch };
}

export function latency({ ms, timing, body }) {
  const { parts: told, batch } = parsed(timing);
  const parts = told.filter((part) => part.name in NAMES);
  const steps = told.filter((part) => !(part.name in NAMES)); // of a pipeline or cascade: the same time, told another way
  const [answeredBy] = body?.answered_by ?? []; // of a cascade
  const inside = parts.reduce((sum, part) => sum + part.ms, 0);
  const all = [...parts, { name: "outside", ms: Math.max(0, ms - inside) }];
  return element("div.latency", {},
    element("p", {}, element("strong", {}, `${ms.toFixed(1)} ms`), parts.length > 0 && ` as this page sees it, ${inside.toFixed(1)} ms of it in the service`,
      batch && element("span.quiet", {}, ` · batch ${batch.replace("x", " × ")}`)),
    element("div.stack", { "aria-hidden": "true" }, all.map((part) =>
      element("span", { class: `part-${part.name}`, css: { "flex-grow": String(part.ms) } }))),
    element("ul.legend", {}, all.map((part) => element("li", {},
      element("i", { class: `part-${part.name}`, "aria-hidden": "true" }),
      part.name === "outside" ? (parts.length > 0 ? "HTTP, network, browser" : "the whole request; the service gave no parts") : NAMES[part.name],
      element("b", {}, part.ms.toFixed(1))))),
    steps.length > 0 && element("p.quiet", {},
      `By step: ${steps.map((step) => `${step.name} ${step.ms.toFixed(1)} ms`).join(", ")}`, answeredBy && `; answered by ${answeredBy}`),
  );
}
