/** text-classification: bars that follow the typing, and the words that made them so. */

import { Bars } from "../bars.js";
import { choices } from "../choices.js";
import { element, freshId } from "../dom.js";
import { Form } from "../form.js";
import { REVIEWS } from "../samples.js";
import { pieces, scored } from "../text.js";
import { question } from "../workbench.js";

const MOST_NAMED = 6;

export function text(model, contract) {
  const id = freshId("text");
  const area = element("textarea.prose", { id, rows: "6" });
  const options = new Form(contract.parameters);
  const bars = new Bars();
  const reasons = element("div.reasons");
  let changed = () => {};
  area.value = contract.example.inputs[0].text ?? REVIEWS[0].text;
  area.addEventListener("input", () => changed(true));
  const choose = (sample) => {
    area.value = sample.text;
    changed(false);
  };
  return {
    title: "Your text",
    hint: "Type or choose something; the answer follows as you type.",
    button: "Classify",
    input: element("div", {}, element("label.unseen", { for: id }, "Text to classify"), area, choices(REVIEWS, choose)),
    options,
    answer: element("div", {}, bars.element, reasons),
    watch: (tell) => { changed = tell; },
    request: () => (area.value.trim() ? question(model, { text: area.value }, options.read()) : null),
    show: ({ output, request, explanation }) => {
      bars.show(output);
      reasons.replaceChildren(...(explanation ? words(request.item.text, explanation) : []));
      const { said } = scored(output.map(({ score }) => score));
      return output.length > 0 ? `${output[0].label}, ${said(output[0].score)}` : "No label";
    },
  };
}

/** The text with its telling words coloured, and the most telling ones named. */
function words(text, { label, words: weighed }) {
  const most = Math.max(...weighed.map((word) => Math.abs(word.weight)), 1e-9);
  const marked = pieces(text, weighed).map((piece) => piece.span ? word(piece.text, piece.span.weight, most) : piece.text);
  const telling = [...weighed].sort((one, other) => Math.abs(other.weight) - Math.abs(one.weight)).slice(0, MOST_NAMED);
  return [
    element("h4", {}, `What made it ${label}`),
    element("p.prose.weighed", {}, marked),
    element("p.legend", {}, element("span", {}, element("i.for", { "aria-hidden": "true" }), `speaks for ${label}`), element("span", {}, element("i.against", { "aria-hidden": "true" }), "speaks against it")),
    element("ol.telling", { "aria-label": "The most telling words" }, telling.map((each) =>
      element("li", {}, each.text, element("b", {}, `${each.weight < 0 ? "−" : "+"}${Math.abs(each.weight).toFixed(2)}`)))),
  ];
}

function word(text, weight, most) {
  const share = Math.abs(weight) / most;
  if (share < 0.05) return text;
  return element(weight < 0 ? "span.against" : "span.for", { css: { "--share": share.toFixed(2) }, title: weight.toFixed(3) }, text);
}
