/** The frame around every panel: ask, show the answer, explain it, say how long it took and how a shell would ask. */

import { announce, element } from "./dom.js";
import { failure } from "./failure.js";
import { cardOf, fromShell, heading, shellSection } from "./frame.js";
import { latency } from "./latency.js";
import { ask } from "./service.js";
import { json } from "./shown.js";

const TYPING_PAUSE_MS = 250;
const NO_SUCH_ROUTE = [404, 405, 501];

/**
 * A panel is `{title, hint, button, input, options, answer, request(), show(result), watch(changed)}`.
 *
 * `request()` gives what to send, null if there is nothing to send yet, or throws an Error that says what is wrong.
 * `show({output, request, explanation})` fills `answer` and gives a sentence for those who cannot see it;
 * `explanation` is null until it has arrived, and stays so where the service explains nothing.
 * `watch(changed)` is told what to call when the input has changed; `changed(true)` while somebody is typing.
 */
export class Workbench {
  constructor(model, panel, { explains, explainsAtOnce = true }) {
    this.model = model;
    this.panel = panel;
    this.explains = explains;
    this.pending = null;
    this.timer = 0;
    this.last = null;
    this.why = element("button.small", { type: "button", "aria-pressed": String(explains && explainsAtOnce), hidden: !explains, click: () => this.toggleWhy() }, "Explain");
    this.trouble = element("div.trouble");
    this.empty = element("p.quiet", {}, "Nothing has been asked yet.");
    this.raw = element("details.raw", { hidden: true }, element("summary", {}, "The answer as JSON"));
    this.time = element("section.surface.time", { "aria-label": "Latency", hidden: true });
    this.shell = shellSection();
    this.card = element("div");
    this.element = this.frame();
    panel.watch((isTyping) => this.soon(isTyping ? TYPING_PAUSE_MS : 0));
  }

  frame() {
    const { model, panel } = this;
    const run = element("button.primary", { type: "submit" }, panel.button);
    const form = element("form.surface.ask", { "aria-label": "Input", novalidate: true, submit: (event) => { event.preventDefault(); this.run(); } },
      element("div.row.head", {}, element("h3", {}, panel.title)), element("p.quiet", {}, panel.hint), panel.input,
      panel.options && !panel.options.isEmpty && element("details.options", {}, element("summary", {}, "Options"), panel.options.element),
      element("div.row", {}, run, panel.input.querySelector("textarea") && element("kbd", { "aria-hidden": "true" }, "Ctrl Enter")));
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.run();
    });
    form.addEventListener("change", (event) => {
      if (event.target.closest(".options")) this.run();
    });
    this.answer = element("section.surface.answer", { "aria-label": "Answer" },
      element("div.row.spread.head", {}, element("h3", {}, "Answer"), this.why), this.empty, this.trouble, panel.answer, this.raw);
    panel.answer.hidden = true;
    return element("article", {}, heading(model), element("div.bench", {}, form, this.answer, this.time, this.shell), this.card);
  }

  /** What is there to see before anybody has done anything. */
  async open() {
    this.run();
    this.card.replaceChildren(await cardOf(this.model));
  }

  soon(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.run(), ms);
  }

  async run() {
    clearTimeout(this.timer);
    this.pending?.abort();
    const pending = this.pending = new AbortController();
    try {
      const request = this.prepared();
      if (!request) return;
      this.answer.setAttribute("aria-busy", "true");
      const answer = await ask(request, pending.signal);
      this.tell(request, answer);
      if (answer.ok) await this.explain(request, pending.signal);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    } finally {
      if (this.pending === pending) this.answer.removeAttribute("aria-busy");
    }
  }

  prepared() {
    try {
      const request = this.panel.request();
      if (!request) this.clear(this.empty);
      return request;
    } catch (error) {
      this.clear(failure({ status: 0, body: { error: error.message } }));
      return null;
    }
  }

  clear(message) {
    this.last = null;
    this.panel.answer.hidden = this.raw.hidden = this.time.hidden = this.shell.hidden = true;
    this.empty.hidden = message !== this.empty;
    this.trouble.replaceChildren(...(message === this.empty ? [] : [message]));
  }

  tell(request, answer) {
    if (answer.ok) this.show({ output: answer.body.outputs[0], request, explanation: null });
    else this.clear(failure(answer));
    this.raw.replaceChildren(this.raw.firstElementChild, json(answer.body));
    this.raw.hidden = false;
    this.time.replaceChildren(element("h3", {}, "Where the time went"), latency(answer));
    this.shell.replaceChildren(...fromShell(request));
    this.time.hidden = this.shell.hidden = false;
  }

  show(result) {
    this.last = result;
    this.empty.hidden = true;
    this.trouble.replaceChildren();
    this.panel.answer.hidden = false;
    announce(this.panel.show(result));
  }

  async explain(request, signal) {
    if (!this.explains || this.why.getAttribute("aria-pressed") !== "true") return;
    if (this.last.output.generated) return; // nothing says why a text was written as it was
    const explained = await ask({ ...request, path: request.path.replace("/predict", "/explain") }, signal);
    if (explained.ok) this.show({ ...this.last, explanation: explained.body.outputs[0] });
    else if (NO_SUCH_ROUTE.includes(explained.status)) {
      this.explains = false;
      this.why.hidden = true;
    } else this.trouble.replaceChildren(failure(explained));
  }

  toggleWhy() {
    const on = this.why.getAttribute("aria-pressed") !== "true";
    this.why.setAttribute("aria-pressed", String(on));
    if (on) this.run();
    else if (this.last) this.show({ ...this.last, explanation: null });
  }
}

/** The native request that asks `model` about one item. */
export function question(model, item, parameters = {}) {
  const body = Object.keys(parameters).length > 0 ? { inputs: [item], parameters } : { inputs: [item] };
  return { path: `v1/models/${model.name}/predict`, method: "POST", contentType: "application/json", body: JSON.stringify(body), item };
}
