/** A row of buttons, each of which puts a sample into the input. */

import { element } from "./dom.js";

export function choices(samples, choose) {
  return element("div.samples", { role: "group", "aria-label": "Samples" }, element("span.quiet", { "aria-hidden": "true" }, "Try"),
    samples.map((sample) => element("button.small", { type: "button", click: () => choose(sample) }, sample.name)));
}
