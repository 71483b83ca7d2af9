/** text-generation by a model that learned to chat: messages, each answered with all before it in mind. */

import { QUESTIONS } from "../samples.js";

export function chat() {
  return {
    title: "Conversation",
    hint: "Nothing has been said yet. The model is sent the whole conversation with every message.",
    label: "Your message",
    placeholder: "Ask something",
    rows: "3",
    button: "Send",
    samples: QUESTIONS,
    continues: false,
    hasSystem: true,
    path: "v1/chat/completions",
    body: (exchanges, text, { system, ...settings }) => ({
      messages: [
        ...(system ? [{ role: "system", content: system }] : []),
        ...exchanges.flatMap((each) => [{ role: "user", content: each.asked }, { role: "assistant", content: each.text }]),
        { role: "user", content: text },
      ],
      ...settings,
    }),
    textOf: (choice) => choice.delta.content ?? "",
  };
}
