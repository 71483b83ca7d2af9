/** The panel of a model that writes text: what was said, a box for more, and how fast the answer comes. */

import { choices } from "../choices.js";
import { copyButton } from "../copy.js";
import { announce, element, freshId } from "../dom.js";
import { failure } from "../failure.js";
import { cardOf, fromShell, heading, shellSection } from "../frame.js";
import { Exchange } from "./exchange.js";
import { Pace, PaceFigures } from "./pace.js";
import { Failed, piecesOf } from "./pieces.js";
import { settingsOf } from "./settings.js";

const DRAW_MS = 50; // more often nobody sees, and a fast model would keep the page from everything else
const NEAR_THE_END_PX = 40; // whoever has scrolled further up is reading there

/**
 * A kind is `{title, hint, label, rows, button, samples, continues, hasSystem, path, body(exchanges, text, settings), textOf(choice)}`.
 *
 * `continues` says that the model goes on with a text, and does not answer it. `body` gives the request for what was
 * said before and `text`; `textOf` what a choice of a chunk adds to the answer.
 */
export class WritingBench {
  constructor(model, kind, told) {
    this.model = model;
    this.kind = kind;
    this.exchanges = [];
    this.pending = null;
    this.totalTokens = 0; // of the answers that are over
    const id = freshId("message");
    this.area = element("textarea", { id, rows: kind.rows, placeholder: kind.placeholder });
    this.settings = settingsOf(told, { system: kind.hasSystem });
    this.list = element("ol.turns");
    this.empty = element("div.nothing", {}, element("p.quiet", {}, kind.hint), choices(kind.samples, ({ text }) => this.try(text)));
    this.transcript = element("div.transcript", { tabindex: "0", role: "region", "aria-label": kind.title }, this.empty, this.list);
    this.trouble = element("div.trouble");
    this.sendButton = element("button.primary", { type: "submit" }, kind.button);
    this.stopButton = element("button.primary", { type: "button", hidden: true, click: () => this.stop() }, "Stop");
    this.copyButton = copyButton(this.list, `Copy the whole ${kind.title.toLowerCase()}`, () => this.asText());
    this.clearButton = element("button.small", { type: "button", click: () => this.clear() }, "Clear");
    this.figures = new PaceFigures();
    this.shell = shellSection();
    this.card = element("div");
    this.element = this.frame(id);
    this.drawButtons();
  }

  frame(id) {
    const { kind, model } = this;
    const form = this.form = element("form.composer", { "aria-label": "Input", novalidate: true, submit: (event) => { event.preventDefault(); this.send(); } },
      element("label", { for: id }, kind.label), this.area,
      element("div.row", {}, this.sendButton, this.stopButton, element("kbd", { "aria-hidden": "true" }, "Enter sends, Shift Enter begins a new line, Esc stops")));
    form.addEventListener("keydown", (event) => this.press(event));
    return element("article", {}, heading(model),
      element("div.bench.writing", {},
        element("div.surface.talk", {},
          element("div.row.spread.head", {}, element("h3", {}, kind.title), element("div.row", {}, this.copyButton, this.clearButton)),
          element("p.unverified", {}, "A model generates this text, and nobody has verified it: it may be wrong or made up."),
          this.transcript, this.trouble, form, this.figures.element),
        this.settings.element, this.shell), this.card);
  }

  async open() {
    this.card.replaceChildren(await cardOf(this.model));
  }

  press(event) {
    // Enter also ends the choice of a character, for those who write with an input method.
    if (event.key === "Enter" && event.target === this.area && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape") this.stop();
  }

  try(text) {
    this.area.value = text;
    this.area.focus();
    this.send();
  }

  async send() {
    const text = this.area.value;
    const request = this.pending || !text.trim() ? null : this.prepared(text);
    if (!request) return;
    const { kind, model } = this;
    const exchange = new Exchange(text, { by: model.name, continues: kind.continues, reuse: (whole) => this.reuse(whole) });
    this.begin(exchange, request);
    const pace = new Pace();
    const draw = () => {
      this.scrolled(() => exchange.draw());
      this.figures.show(pace.figures, this.totalTokens);
    };
    let reason = "";
    let timer = 0;
    try {
      draw();
      for await (const { choice, usage } of piecesOf(request, this.pending.signal)) {
        pace.count(usage);
        exchange.text += kind.textOf(choice);
        timer ||= setTimeout(() => { timer = 0; draw(); }, DRAW_MS);
        reason = choice.finish_reason ?? reason;
      }
    } catch (error) {
      if (error instanceof Failed) this.trouble.replaceChildren(failure(error.answer));
      else if (error.name !== "AbortError") throw error;
      reason = error instanceof Failed ? "failed" : "stopped";
    } finally {
      clearTimeout(timer);
      draw();
      this.totalTokens += pace.figures?.total ?? 0;
      this.end(exchange, reason);
    }
  }

  prepared(text) {
    try {
      const { kind, model } = this;
      const body = { model: model.name, ...kind.body(this.exchanges, text, this.settings.read()), stream: true, stream_options: { continuous_usage_stats: true } };
      return { path: kind.path, method: "POST", contentType: "application/json", body: JSON.stringify(body), streams: true };
    } catch (error) {
      this.trouble.replaceChildren(failure({ status: 0, body: { error: error.message } }));
      return null;
    }
  }

  begin(exchange, request) {
    this.pending = new AbortController();
    this.exchanges.push(exchange);
    if (!this.kind.continues) this.area.value = "";
    this.trouble.replaceChildren();
    this.shell.replaceChildren(...fromShell(request));
    this.figures.element.hidden = this.shell.hidden = false;
    this.list.append(...exchange.elements);
    this.drawButtons();
    this.transcript.scrollTop = this.transcript.scrollHeight;
    this.form.scrollIntoView({ block: "nearest" });
    announce(`${this.model.name} is writing`);
  }

  end(exchange, reason) {
    this.pending = null;
    const said = exchange.end(reason);
    if (exchange.text === "" && (reason === "stopped" || reason === "failed")) this.takeBack(exchange);
    else if (this.exchanges.includes(exchange)) this.scrolled(() => announce(said));
    this.drawButtons();
  }

  /** Nothing came of it: what was asked can be changed and sent again. */
  takeBack(exchange) {
    exchange.remove();
    if (!this.exchanges.includes(exchange)) return;
    this.exchanges.pop();
    this.area.value ||= exchange.asked;
    announce("Nothing was written");
  }

  stop() {
    this.pending?.abort();
  }

  clear() {
    this.stop();
    this.exchanges = [];
    this.totalTokens = 0;
    this.list.replaceChildren();
    this.trouble.replaceChildren();
    this.figures.element.hidden = this.shell.hidden = true;
    this.drawButtons();
    this.area.focus();
    announce(`${this.kind.title} cleared`);
  }

  reuse(whole) {
    this.area.value = whole;
    this.area.focus();
  }

  drawButtons() {
    const [shown, hidden] = this.pending ? [this.stopButton, this.sendButton] : [this.sendButton, this.stopButton];
    const hadFocus = document.activeElement === hidden;
    shown.hidden = false;
    hidden.hidden = true;
    if (hadFocus) shown.focus();
    this.empty.hidden = this.exchanges.length > 0;
    this.copyButton.hidden = this.clearButton.hidden = this.exchanges.length === 0;
  }

  /** Let `change` add to the transcript, follow its end for whoever was there, and keep the way to stop it in sight. */
  scrolled(change) {
    const { scrollHeight, scrollTop, clientHeight } = this.transcript;
    const isInSight = this.form.getBoundingClientRect().bottom <= innerHeight;
    change();
    if (isInSight) this.form.scrollIntoView({ block: "nearest" });
    if (scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX) this.transcript.scrollTop = this.transcript.scrollHeight;
  }

  asText() {
    const by = `${this.model.name} (generated, not verified)`;
    return this.exchanges.map(({ asked, text }) => this.kind.continues ? `${by}:\n${asked}${text}` : `You:\n${asked}\n\n${by}:\n${text}`).join("\n\n");
  }
}
