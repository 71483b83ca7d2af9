/** How fast an answer is written, as this page sees it, and of how many tokens. */

import { element } from "../dom.js";

const NONE = "–";

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
    this.element = element("dl.figures", { hidden: true }, [
      ["first", "to the first token"], ["rate", "tokens a second"], ["written", "tokens written"],
      ["total", "with the prompt", this.cached], ["all", "of all answers"],
    ].map(([name, about, more]) => element("div", {}, element("dt", {}, about, more), this.values[name] = element("dd", {}, NONE))));
  }

  show(figures, totalBefore) {
    const { first, rate, written, total, all } = this.values;
    first.textContent = figures ? `${(figures.firstMs / 1000).toFixed(2)} s` : NONE;
    rate.textContent = figures?.perSecond ? figures.perSecond.toFixed(1) : NONE;
    written.textContent = figures?.written ?? NONE;
    total.textContent = figures?.total ?? NONE;
    all.textContent = totalBefore + (figures?.total ?? 0);
    this.cached.textContent = figures?.cached ? `, ${figures.cached} of it remembered` : "";
  }
}
