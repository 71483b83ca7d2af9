/** What is made or measured beside the service, below the models that it serves. */

import { element } from "./dom.js";

// Of one model, and of several.
const SAID = {
  waiting: ["waits", "wait"],
  making: ["is being made", "are being made"],
  measuring: ["is being measured", "are being measured"],
  failed: ["could not be made", "could not be made"],
};

const place = document.getElementById("making");
let shown = "";

/** `making`: of each its model, its state and a detail, as the catalogue has them. */
export function showBeingMade(making) {
  const next = JSON.stringify(making);
  if (next === shown) return;
  shown = next;
  place.hidden = making.length === 0;
  place.replaceChildren(element("h2", {}, "On this machine"), element("ul", {}, together(making).map(entry)));
}

/** Those of which the same is said are one entry. */
function together(making) {
  const groups = new Map();
  for (const { model, state, detail } of making) {
    const key = `${state} ${detail}`;
    groups.set(key, { models: [...(groups.get(key)?.models ?? []), model], state, detail });
  }
  return [...groups.values()];
}

function entry({ models, state, detail }) {
  const mark = state === "failed" ? "failed" : state === "waiting" ? "unloaded" : "loading";
  const said = SAID[state]?.[models.length > 1 ? 1 : 0] ?? state;
  return element("li", {}, element(`i.state.${mark}`, { "aria-hidden": "true" }),
    element("span", {}, `${models.join(", ")} ${said}`, detail && element("small", {}, detail)));
}
