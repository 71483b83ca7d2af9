/** Labels with scores as bars that grow and shrink as the scores change. */

import { element } from "./dom.js";
import { percent } from "./text.js";

export class Bars {
  constructor() {
    this.element = element("ol.bars");
    this.rows = new Map();
  }

  /** `labels`: `[{label, score}]`, scores from 0 to 1, in the order in which they are shown. */
  show(labels) {
    const before = this.rows;
    this.rows = new Map(labels.map(({ label }) => [label, before.get(label) ?? row(label)]));
    this.element.replaceChildren(...[...this.rows.values()].map(({ item }) => item));
    for (const { label, score } of labels) {
      const { bar, value } = this.rows.get(label);
      value.textContent = percent(score);
      // The next frame: a bar that has just been put in shall grow, too.
      requestAnimationFrame(() => bar.style.setProperty("--share", String(score)));
    }
  }
}

function row(label) {
  const bar = element("span.bar", { "aria-hidden": "true" });
  const value = element("span.value");
  return { bar, value, item: element("li", {}, element("span.label", {}, label), value, bar) };
}
