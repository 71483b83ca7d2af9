/** Labels with scores as bars that grow and shrink as the scores change. */

import { element } from "./dom.js";
import { scored } from "./text.js";

export class Bars {
  constructor() {
    this.element = element("ol.bars");
    this.rows = new Map();
  }

  /** `labels`: `[{label, score}]`, in the order in which they are shown. Scores beyond 0 to 1 have no bar. */
  show(labels) {
    const before = this.rows;
    this.rows = new Map(labels.map(({ label }) => [label, before.get(label) ?? row(label)]));
    this.element.replaceChildren(...[...this.rows.values()].map(({ item }) => item));
    const { areShares, said } = scored(labels.map(({ score }) => score));
    for (const { label, score } of labels) {
      const { bar, value } = this.rows.get(label);
      value.textContent = said(score);
      // The next frame: a bar that has just been put in shall grow, too.
      requestAnimationFrame(() => bar.style.setProperty("--share", areShares ? String(score) : "0"));
    }
  }
}

function row(label) {
  const bar = element("span.bar", { "aria-hidden": "true" });
  const value = element("span.value");
  return { bar, value, item: element("li", {}, element("span.label", {}, label), value, bar) };
}
