/** summarization: the chosen sentences, and where they stand in the article. */

import { choices } from "../choices.js";
import { element, freshId } from "../dom.js";
import { Form } from "../form.js";
import { ARTICLES } from "../samples.js";
import { pieces } from "../text.js";
import { question } from "../workbench.js";

export function summary(model, contract) {
  const id = freshId("article");
  const area = element("textarea.prose", { id, rows: "16" });
  const options = new Form(contract.parameters);
  const written = element("p.prose.summary");
  const article = element("div.prose.article", { tabindex: "0", role: "region", "aria-label": "The article, chosen sentences marked" });
  const reasons = element("ol.because");
  let changed = () => {};
  area.value = contract.example.inputs[0].text ?? ARTICLES[0].text;
  area.addEventListener("input", () => changed(true));
  const choose = (sample) => {
    area.value = sample.text;
    changed(false);
  };
  return {
    title: "Your article",
    hint: "Paste an article; its most telling sentences are marked, word for word.",
    button: "Summarise",
    input: element("div", {}, element("label.unseen", { for: id }, "Article to summarise"), area, choices(ARTICLES, choose)),
    options,
    answer: element("div", {}, written, reasons, element("h4", {}, "Where that stands"), article),
    watch: (tell) => { changed = tell; },
    request: () => (area.value.trim() ? question(model, { text: area.value }, options.read()) : null),
    show: ({ output, request, explanation }) => {
      written.textContent = output.summary_text;
      article.replaceChildren(...pieces(request.item.text, output.sentences).map(({ text, span }) =>
        span ? element("mark", { title: `stands for the text: ${span.score.toFixed(2)}` }, text) : text));
      reasons.replaceChildren(...sentencesOf(explanation).map(reason));
      return `${output.sentences.length} sentences chosen: ${output.summary_text}`;
    },
  };
}

function sentencesOf(explanation) {
  const found = Array.isArray(explanation) ? explanation : explanation?.sentences;
  return Array.isArray(found) ? found : [];
}

/** Of a sentence and the reasons for it, in whatever words and figures they come. */
function reason(sentence) {
  const { text, start, end, ...reasons } = sentence;
  return element("li", {}, text && element("q", {}, text), element("small", {}, Object.entries(reasons).map(said).join("; ")));
}

function said([name, value]) {
  const short = typeof value === "number" ? value.toFixed(2) : typeof value === "string" ? value : JSON.stringify(value);
  return `${name.replaceAll("_", " ")} ${short}`;
}
