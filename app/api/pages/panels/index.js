/** Which panel a task has; every other task has that of photos, if it reads them, or the generic one. Text has a bench of its own. */

import { Workbench } from "../workbench.js";
import { WritingBench } from "../writing/bench.js";
import { chat } from "./chat.js";
import { continuation } from "./continuation.js";
import { detection } from "./detection.js";
import { generic } from "./generic.js";
import { image } from "./image.js";
import { photo } from "./photo.js";
import { films } from "./recommendation.js";
import { segmentation } from "./segmentation.js";
import { speech } from "./speech.js";
import { summary } from "./summarization.js";
import { table } from "./table.js";
import { text } from "./text.js";
import { translation } from "./translation.js";

const PANELS = {
  "image-classification": image,
  "object-detection": detection,
  "image-segmentation": segmentation,
  "text-classification": text,
  "summarization": summary,
  "translation": translation,
  "recommendation": films,
  "automatic-speech-recognition": speech,
  "tabular-classification": table,
  "tabular-regression": table,
};

/** `{element, open()}`: the whole panel of a model, and what it does before anybody has done anything. */
export function benchFor(model, contract, explaining) {
  const { generation } = contract;
  if (generation) return new WritingBench(model, (generation.chats ? chat : continuation)(generation), generation);
  const panel = (PANELS[model.task] ?? (contract.readsFiles ? photo : generic))(model, contract);
  return new Workbench(model, panel, explaining);
}
