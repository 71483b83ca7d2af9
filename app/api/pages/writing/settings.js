/** How a model shall write. What is left empty is not sent: then the model's own defaults hold. */

import { element } from "../dom.js";
import { Form, textField } from "../form.js";

/** `{element, read()}`; `told` is what the service says of the model, `system` whether it is given a task beforehand. */
export function settingsOf(told, { system }) {
  const role = system && textField("system", "System message", 3, "Who the model shall be, and how it shall answer.");
  const numbers = new Form({
    properties: {
      temperature: { type: "number", minimum: 0, maximum: 2, description: `0 takes the likeliest token, more is bolder. If empty: ${told.temperature}.` },
      top_p: { type: "number", minimum: 0, maximum: 1, description: `Draws among the likeliest tokens of this share. If empty: ${told.top_p}.` },
      max_tokens: { type: "integer", minimum: 1, maximum: told.context, description: `An answer ends after so many. If empty: ${told.max_new_tokens}.` },
      seed: { type: "integer", minimum: 0, description: "The same number draws the same answer again." },
    },
  });
  const stop = textField("stop", "Stop at", 2, "The answer ends before any of these texts, one a line.");
  const form = element("div.fields", {}, role && role.element, [...numbers.element.children], stop.element);
  return {
    element: element("details.surface.settings", { open: matchMedia("(min-width: 1101px)").matches },
      element("summary", {}, element("h3", {}, "Settings")), form),
    read: () => ({ system: role ? role.read() : undefined, ...numbers.read(), stop: stop.read()?.split("\n").filter(Boolean) }),
  };
}
