/** text-generation by a model without a chat template: it goes on with a text. */

import { BEGINNINGS } from "../samples.js";

export function continuation({ max_new_tokens: mostTokens }) {
  return {
    title: "Text",
    hint: "Nothing has been written yet. This model did not learn to chat: it goes on with the text that it is given.",
    label: "Beginning of a text",
    placeholder: "It was a quiet morning, and",
    rows: "5",
    button: "Go on",
    samples: BEGINNINGS,
    continues: true,
    hasSystem: false,
    path: "v1/completions",
    // This route has a default of its own, which is a line at most.
    body: (_, text, { system, ...settings }) => ({ prompt: text, max_tokens: mostTokens, ...settings }),
    textOf: (choice) => choice.text,
  };
}
