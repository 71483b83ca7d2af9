/** Which panel a task has; every other task has that of photos, if it reads them, or the generic one. */

import { generic } from "./generic.js";
import { image } from "./image.js";
import { photo } from "./photo.js";
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
  return (PANELS[model.task] ?? (contract.readsFiles ? photo : generic))(model, contract);
}
