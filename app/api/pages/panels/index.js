/** Which panel a task has; every other task has the generic one. */

import { generic } from "./generic.js";
import { image } from "./image.js";
import { films } from "./recommendation.js";
import { summary } from "./summarization.js";
import { text } from "./text.js";

const PANELS = {
  "image-classification": image,
  "text-classification": text,
  "summarization": summary,
  "recommendation": films,
};

export function panelOf(model, contract) {
  return (PANELS[model.task] ?? generic)(model, contract);
}
