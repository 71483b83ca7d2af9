/** summarization: the chosen sentences, and where they stand in the article. */

import { choices } from "../choices.js";
import { element, freshId } from "../dom.js";
import { Form } from "../form.js";
import { ARTICLES } from "../samples.js";
import { pieces } from "../text.js";
import { question } from "../workbench.js";
import { Beside } from "./written_summary.js";

export function summary(model, contract) {
  const id = freshId("article");
  const area = element("textarea.prose", { id, rows: "16" });
  const options = new Form(contract.parameters);
  const chosen = element("p.prose.summary");
  const beside = new Beside();
  const article = element("div.prose.article", { tabindex: "0", role: "region", "aria-label": "The article, chosen sentences marked" });
  const reasons = element("ol.because");
  const place = element("div", {}, element("h4", {}, "Where that stands"), article);
  let changed = () => {};
  area.value = contract.example.inputs[0].text ?? ARTICLES[0].text;
  area.addEventListener("input", () => changed(true));
  const choose = (sample) => {
    area.value = sample.text;
    changed(false);
  };
  return {
    title: "Your article",
    hint: "Paste an article; a summary of it follows, of its own sentences or in the words of a model.",
    button: "Summarise",
    input: element("div", {}, element("label.unseen", { for: id }, "Article to summarise"), area, choices(ARTICLES, choose)),
    options,
    answer: element("div", {}, chosen, beside.element, reasons, place),
    watch: (tell) => { changed = tell; },
    request: () => (area.value.trim() ? question(model, { text: area.value }, options.read()) : null),
    show: ({ output, request, explanation }) => {
      chosen.textContent = output.summary_text;
      chosen.hidden = output.generated;
      beside.show(output, () => question(model, request.item, { ...options.read(), mode: "extractive" }));
      place.hidden = !output.sentences;
      const places = !output.sentences ? [] : output.generated ? output.sentences.flatMap((one) => one.support) : output.sentences;
      article.replaceChildren(...pieces(request.item.text, places).map(({ text, span }) =>
        span ? element("mark", { title: span.score === undefined ? "supports the summary" : `stands for the text: ${span.score.toFixed(2)}` }, text) : text));
      reasons.replaceChildren(...(explanation?.sentences ?? []).map(reason));
      return output.generated ? `Written by a model and not verified: ${output.summary_text}` : `${output.sentences.length} sentences chosen: ${output.summary_text}`;
    },
  };
}

function reason(sentence) {
  const { text, rank, score, from_centrality: central, from_position: early, redundancy, stands_for: alike } = sentence;
  return element("li", {}, element("q", {}, text),
    element("small", {}, `chosen as number ${rank}: stands for the text ${score.toFixed(2)} (by what it says ${central.toFixed(2)}, by its place ${early.toFixed(2)})`,
      redundancy > 0 && `; ${redundancy.toFixed(2)} of it had been said`),
    alike.length > 0 && element("details", {}, element("summary", {}, `Stands for ${alike.length} more`),
      element("ul", {}, alike.map((each) => element("li", {}, element("q", {}, each.text), ` ${each.cosine.toFixed(2)}`)))));
}
