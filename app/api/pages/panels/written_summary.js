/** A summary that a model wrote, beside the one of sentences word for word if there is one: what its checks found is marked. */

import { element } from "../dom.js";
import { failure } from "../failure.js";
import { ask } from "../service.js";
import { pieces, placesOf } from "../text.js";

export class Beside {
  constructor() {
    this.written = element("div.prose.summary");
    this.chosen = element("p.prose.summary");
    this.label = element("p.unverified");
    this.other = element("section", {}, element("h4", {}, "Word for word"), this.chosen);
    this.element = element("div.beside", { hidden: true },
      element("section", {}, element("h4", {}, "Written"), this.written, this.label), this.other);
  }

  /** `extractive()` is the question for the other summary; only what one model wrote for another has it asked. */
  show(output, extractive) {
    this.element.hidden = !output.generated;
    this.pending?.abort();
    if (!output.generated) return;
    this.other.hidden = !output.sentences;
    if (!output.sentences) {
      this.written.replaceChildren(element("p.own", {}, marked(output.summary_text, output.unsupported ?? [])));
      this.label.textContent = ["Written by a model. Nobody has verified it.", ...notes(output)].join(" ");
      return;
    }
    this.label.textContent = "Written by a model, as far as its checks let it. Nobody has verified it.";
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

function notes({ unsupported, is_complete: isComplete, is_truncated: isTruncated }) {
  return [
    unsupported === null && "Only English is checked for names and numbers.",
    unsupported?.length > 0 && "What is marked is not in the text.",
    !isComplete && "It did not come to its end.",
    isTruncated && "Only the beginning of the text was read.",
  ].filter(Boolean);
}

function struck(text, words) {
  return element("s", {}, marked(text, placesOf(text, words)));
}

function marked(text, places) {
  return pieces(text, places).map((part) => (part.span ? element("mark.unsupported", {}, part.text) : part.text));
}
