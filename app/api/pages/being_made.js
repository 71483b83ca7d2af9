/** What is made or measured beside the service, below the models that it serves. */

import { element } from "./dom.js";

const SAID = {
  waiting: "waits",
  making: "is being made",
  measuring: "is being measured",
  failed: "could not be made",
};

const place = document.getElementById("making");
let shown = "";

/** `making`: of each its model, its state and a detail, as the catalogue has them. */
export function showBeingMade(making) {
  const next = JSON.stringify(making);
  if (next === shown) return;
  shown = next;
  place.hidden = making.length === 0;
  place.replaceChildren(element("h2", {}, "On this machine"), element("ul", {}, making.map(entry)));
}

function entry({ model, state, detail }) {
  const mark = state === "failed" ? "failed" : state === "waiting" ? "unloaded" : "loading";
  return element("li", {}, element(`i.state.${mark}`, { "aria-hidden": "true" }),
    element("span", {}, `${model} ${SAID[state] ?? state}`, detail && element("small", {}, detail)));
}
