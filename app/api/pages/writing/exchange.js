/** What somebody wrote, and what the model wrote to it. */

import { copyButton } from "../copy.js";
import { element } from "../dom.js";

const NOTES = {
  length: "Cut off: it has as many tokens as it may have.",
  stopped: "Stopped.",
  failed: "Broken off.",
};

export class Exchange {
  /** `by` is the name of the model; with `continues` it goes on with the text, and does not answer it. */
  constructor(asked, { by, continues, reuse }) {
    this.asked = asked;
    this.by = by;
    this.text = "";
    this.written = element("span.written");
    const said = element("p.said", {}, continues && element("span.given", {}, asked), this.written);
    this.note = element("p.quiet", { hidden: true });
    this.buttons = element("div.row", { hidden: true }, copyButton(said, `Copy what ${by} wrote`),
      continues && element("button.small", { type: "button", click: () => reuse(said.textContent) }, "Go on from here"));
    this.answer = element("li.turn.made", { "aria-busy": "true" },
      element("div.row", {}, element("h4", {}, by), element("small.unverified", {}, "generated, not verified")), said, this.note, this.buttons);
    this.elements = continues ? [this.answer] : [element("li.turn.asked", {}, element("h4", {}, "You"), element("p.said", {}, asked)), this.answer];
  }

  draw() {
    this.written.append(this.text.slice(this.written.textContent.length));
  }

  /** `reason` is that of the service, or "stopped", or "failed". Gives a sentence for those who cannot see the answer. */
  end(reason) {
    const note = NOTES[reason] ?? (this.text === "" ? "The model wrote nothing." : "");
    this.answer.removeAttribute("aria-busy");
    this.draw();
    this.written.normalize();
    this.note.textContent = note;
    this.note.hidden = note === "";
    this.buttons.hidden = this.text === "";
    return `${this.by} wrote: ${this.text} ${note}`;
  }

  remove() {
    for (const each of this.elements) each.remove();
  }
}
