/** image-classification: what a photo shows, and where that was seen. */

import { Bars } from "../bars.js";
import { element } from "../dom.js";
import { photoOf } from "../photo.js";
import { picture } from "../shown.js";
import { percent } from "../text.js";

export function image(model, contract) {
  const bars = new Bars();
  const looked = element("figure.looked", { hidden: true });
  return {
    ...photoOf(model, contract),
    hint: "The model names what it sees, and how sure it is.",
    button: "Classify",
    answer: element("div", {}, bars.element, looked),
    show: ({ output, explanation }) => {
      bars.show(output);
      looked.hidden = !explanation?.overlay;
      if (explanation?.overlay) {
        looked.replaceChildren(picture(explanation.overlay, `Where the model saw ${explanation.label ?? "it"}`),
          element("figcaption.quiet", {}, explanation.label ? `What spoke for “${explanation.label}”: the warmer, the more.` : "What decided: the warmer, the more."));
      }
      return output.length > 0 ? `${output[0].label}, ${percent(output[0].score)}` : "No label";
    },
  };
}
