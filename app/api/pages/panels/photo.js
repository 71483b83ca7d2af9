/** Any other task that reads photos: its answer shown by its form. */

import { element } from "../dom.js";
import { photoOf } from "../photo.js";
import { shown } from "../shown.js";

export function photo(model, contract) {
  const answer = element("div.shown");
  return {
    ...photoOf(model, contract),
    hint: "The model is sent the file as it is.",
    button: "Ask",
    answer,
    show: ({ output }) => {
      answer.replaceChildren(...shown(output, null, contract.classNames));
      return "The answer is shown";
    },
  };
}
