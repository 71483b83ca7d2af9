/** translation: the text on one side, its translation on the other, line by line as it was written. */

import { element, freshId } from "../dom.js";
import { Form } from "../form.js";
import { question } from "../workbench.js";

export function translation(model, contract) {
  const id = freshId("text");
  const area = element("textarea.prose", { id, rows: "12" });
  const options = new Form(contract.parameters);
  const written = element("p.prose.translated");
  const cut = element("p.unverified", { hidden: true }, "A sentence did not come to its end.");
  let changed = () => {};
  area.value = contract.example.inputs[0].text ?? "";
  area.addEventListener("input", () => changed(true));
  return {
    title: "Your text",
    hint: "Type or paste something; the translation follows as you type. Lines and marks of lists stay.",
    button: "Translate",
    input: element("div", {}, element("label.unseen", { for: id }, "Text to translate"), area),
    options,
    answer: element("div", {}, written, element("p.unverified", {}, "Written by a model. Nobody has verified it."), cut),
    watch: (tell) => { changed = tell; },
    request: () => (area.value.trim() ? question(model, { text: area.value }, options.read()) : null),
    show: ({ output }) => {
      written.textContent = output.translation_text;
      cut.hidden = output.is_complete;
      return `Written by a model and not verified: ${output.translation_text}`;
    },
  };
}
