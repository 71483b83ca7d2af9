/** How fast an answer is written, as this page sees it, and of how many tokens. */

import { element } from "../dom.js";

export class Pace {
  constructor() {
    this.asked = performance.now();
    this.first = null; // when the first piece came, and the tokens that came with it
    this.latest = null;
  }

  count(usage) {
    this.latest = { ms: performance.now(), ...usage };
    this.first ??= this.latest;
  }

  /** Milliseconds to the first token; tokens per second after it, null until there are any. */
  get figures() {
    if (!this.latest) return null;
    const { first, latest } = this;
    const [tokens, ms] = [latest.completion_tokens - first.completion_tokens, latest.ms - first.ms];
    return {
      firstMs: first.ms - this.asked,
      perSecond: tokens > 0 && ms > 0 ? (1000 * tokens) / ms : null,
      written: latest.completion_tokens,
      total: latest.total_tokens,
      cached: latest.prompt_tokens_details?.cached_tokens ?? 0,
    };
  }
}

/** The figures of one answer, redrawn while it is written. They are no live region: nobody wants to hear each. */
export class PaceFigures {
  constructor() {
    this.values = {};
    this.cached = element("span");
    this.element = element("dl.figures", {}, [
      ["first", "to the first token"], ["rate", "tokens per second"], ["written", "tokens written"],
      ["total", "tokens with the prompt", this.cached], ["all", "tokens since the beginning"],
    ].map(([name, about, more]) => element("div", {}, element("dt", {}, about, more), this.values[name] = element("dd", {}, "–"))));
  }

  show(figures, totalBefore) {
    const { first, rate, written, total, all } = this.values;
    first.textContent = figures ? `${(figures.firstMs / 1000).toFixed(2)} s` : "…";
    rate.textContent = figures?.perSecond ? figures.perSecond.toFixed(1) : "…";
    written.textContent = figures?.written ?? "…";
    total.textContent = figures?.total ?? "…";
    all.textContent = totalBefore + (figures?.total ?? 0);
    this.cached.textContent = figures?.cached ? `, of which ${figures.cached} were remembered` : "";
  }
}
