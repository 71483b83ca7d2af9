/** recommendation: picks on one side, and on the other what follows from them, anew with every pick. */

import { combobox } from "../combobox.js";
import { announce, element } from "../dom.js";
import { Form } from "../form.js";
import { ask } from "../service.js";
import { percent } from "../text.js";
import { question } from "../workbench.js";

const MOST_NAMED = 2;

export function films(model, contract) {
  const options = new Form(contract.parameters);
  const chips = element("ul.chips", { "aria-label": "Picked, oldest first" });
  const list = element("ol.recommended");
  let picks = contract.example.inputs[0].history.map((reference) => ({ reference, title: String(reference) }));
  let changed = () => {};

  const draw = () => chips.replaceChildren(...picks.map((pick, i) => element("li", {}, pick.title,
    element("button", { type: "button", "aria-label": `Remove ${pick.title}`, click: () => remove(i) }, "×"))));
  const set = (next, said) => {
    picks = next;
    draw();
    announce(said);
    changed(false);
  };
  const add = ({ item, title }) => {
    if (picks.some((pick) => pick.reference === item || pick.title === title)) announce(`${title} is picked already`);
    else set([...picks, { reference: item, title }], `${title} picked`);
  };
  const remove = (i) => {
    const [{ title }] = picks.slice(i, i + 1);
    set(picks.filter((_, each) => each !== i), `${title} removed`);
    // The button that had the focus is gone; its neighbour or the search takes it.
    (chips.querySelectorAll("button")[Math.min(i, picks.length - 1)] ?? search.querySelector("input")).focus();
  };
  const search = combobox({
    label: "Find a title",
    placeholder: "star wars",
    search: async (words) => {
      const found = await ask({ path: `v1/models/${model.name}/items?${new URLSearchParams({ query: words, limit: "8" })}` });
      return found.ok ? found.body.items.map((each) => ({ name: each.title, about: each.genres.join(", "), value: each })) : [];
    },
    choose: add,
  });
  draw();

  return {
    title: "What you liked",
    hint: "Search and pick; the list follows every pick.",
    button: "Recommend",
    input: element("div", {}, search, chips, element("div.samples", {}, element("button.small", { type: "button", click: () => set([], "All picks removed") }, "Start anew"))),
    options,
    answer: element("div", {}, list),
    watch: (tell) => { changed = tell; },
    request: () => question(model, { history: picks.map((pick) => pick.reference) }, options.read()),
    show: ({ output, explanation }) => {
      const reasons = new Map((explanation?.items ?? []).map((each) => [each.item, each.because ?? []]));
      const best = Math.max(...output.map((each) => each.score), 1e-9);
      list.replaceChildren(...output.map((each) => recommended(each, best, reasons.get(each.item) ?? [], add)));
      return output.length > 0 ? `First of ${output.length}: ${output[0].title}` : "Nothing is left to recommend";
    },
  };
}

function recommended({ item, title, genres, score }, best, because, add) {
  const named = because.filter((each) => each.weight > 0).sort((one, other) => other.weight - one.weight).slice(0, MOST_NAMED);
  return element("li", {},
    element("div", {}, element("strong", {}, title), element("small", {}, genres.join(", ")),
      named.length > 0 && element("small.why", {}, `because of ${named.map((each) => each.title).join(" and ")}`)),
    element("span.value", {}, percent(score)),
    element("button.small", { type: "button", "aria-label": `Pick ${title}`, click: () => add({ item, title }) }, "Pick"),
    element("span.bar", { "aria-hidden": "true", css: { "--share": (score / best).toFixed(3) } }));
}
