/** Any other task: a form from its JSON schema, filled with its example, and the answer shown by its form. */

import { element } from "../dom.js";
import { Form, jsonField } from "../form.js";
import { shown } from "../shown.js";
import { question } from "../workbench.js";

export function generic(model, { item, parameters, example, classNames }) {
  const start = example.inputs[0];
  const named = item.properties && start !== null && typeof start === "object" && !Array.isArray(start);
  const form = named ? new Form(item, start) : jsonField("input", "input", start, item.description);
  const options = new Form(parameters, example.parameters);
  const answer = element("div.shown");
  return {
    title: "Input",
    hint: "Filled in with the model's own example.",
    button: "Ask",
    input: form.element,
    options,
    answer,
    watch: () => {},
    request: () => question(model, form.read(), options.read()),
    show: ({ output, request, explanation }) => {
      answer.replaceChildren(...shown(output, request.item, classNames), ...(explanation ? [element("h4", {}, "Why"), ...shown(explanation, request.item)] : []));
      return "The answer is shown";
    },
  };
}
