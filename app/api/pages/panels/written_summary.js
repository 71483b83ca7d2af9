/** A summary that a model wrote, beside the one of sentences word for word: what its checks found is marked. */

import { element } from "../dom.js";
import { failure } from "../failure.js";
import { ask } from "../service.js";
import { pieces, placesOf } from "../text.js";

export class Beside {
  constructor() {
    this.written = element("div.prose.summary");
    this.chosen = element("p.prose.summary");
    this.element = element("div.beside", { hidden: true },
      element("section", {}, element("h4", {}, "Written"), this.written,
        element("p.unverified", {}, "Written by a model, as far as its checks let it. Nobody has verified it.")),
      element("section", {}, element("h4", {}, "Word for word"), this.chosen));
  }

  /** `extractive()` is the question for the other summary; only a written one has it asked. */
  show(output, extractive) {
    this.element.hidden = !output.generated;
    this.pending?.abort();
    if (!output.generated) return;
    this.written.replaceChildren(...output.sentences.map(sentence));
    this.compare(extractive(), this.pending = new AbortController());
  }

  async compare(request, pending) {
    this.chosen.replaceChildren("…");
    try {
      const answer = await ask(request, pending.signal);
      this.chosen.replaceChildren(answer.ok ? answer.body.outputs[0].summary_text : failure(answer));
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }
}

function sentence({ text, generated, replaces, unsupported }) {
  if (generated) return element("p", {}, text);
  return element("p.kept", {}, element("q", {}, text), replaces && element("small.refused", {}, "in place of: ", struck(replaces, unsupported)),
    unsupported.length > 0 && element("small", {}, `not in the text: ${unsupported.join(", ")}`));
}

function struck(text, words) {
  return element("s", {}, pieces(text, placesOf(text, words)).map((part) => (part.span ? element("mark.unsupported", {}, part.text) : part.text)));
}
