/** What stands around every panel: the name of its model, its card, and the last request as a line for a shell. */

import { card } from "./card.js";
import { copyButton } from "./copy.js";
import { curlLine } from "./curl.js";
import { element } from "./dom.js";
import { failure } from "./failure.js";
import { ask } from "./service.js";
import { spaced } from "./text.js";

export function heading({ name, task, description }) {
  return element("header.model", {},
    element("p.task", {}, spaced(task)), element("h2", { tabindex: "-1" }, name), element("p.about", {}, description));
}

export async function cardOf(model) {
  const facts = await ask({ path: `v1/models/${model.name}` });
  return facts.ok ? card(facts.body) : failure(facts);
}

/** Where `fromShell` goes, as soon as something has been asked. */
export function shellSection() {
  return element("section.surface.shell", { "aria-label": "The same from a shell", hidden: true });
}

export function fromShell(request) {
  const line = element("code", {}, curlLine(request));
  return [
    element("div.row.spread.head", {}, element("h3", {}, "The same from a shell"), copyButton(line)),
    element("pre.curl", { tabindex: "0", role: "region", "aria-label": "curl command" }, line),
  ];
}
