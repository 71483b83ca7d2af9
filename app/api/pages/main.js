/** The page: which models there are, how they are doing, and the panel of the one that is looked at. */

import { showBeingMade } from "./being_made.js";
import { announce, element } from "./dom.js";
import { failure } from "./failure.js";
import { benchFor } from "./panels/index.js";
import { contractOf, offers } from "./schema.js";
import { ask } from "./service.js";
import { spaced } from "./text.js";

const LOADING_POLL_MS = 1000;
const READY_POLL_MS = 15_000;
const HEAVY_TO_EXPLAIN = ["image-classification"];

const list = document.getElementById("models");
const main = document.getElementById("panel");
const trouble = document.getElementById("trouble");

let models = [];
let openapi = null;
let described = ""; // the versions that `openapi` describes
const benches = new Map(); // by name and version: what was typed survives a look at another model
let listed = "";
let shown = "";

/** The service may be starting, restarting or learning a new version while the page is open. */
async function watch() {
  const answer = await ask({ path: "v1/models" });
  trouble.hidden = answer.ok;
  trouble.replaceChildren(...(answer.ok ? [] : [failure(answer), "Trying again every second."]));
  const making = answer.ok ? answer.body.being_made ?? [] : [];
  if (answer.ok) await update(answer.body.models);
  showBeingMade(making);
  const isSettled = answer.ok && models.length > 0 && !making.length && models.every((model) => model.state !== "loading");
  setTimeout(watch, isSettled ? READY_POLL_MS : LOADING_POLL_MS);
}

async function update(found) {
  models = found;
  const live = models.filter((model) => model.version !== null).map(identity).join();
  if (live !== described || !openapi) {
    const answer = await ask({ path: "openapi.json" });
    if (answer.ok) [openapi, described] = [answer.body, live];
  }
  draw();
}

function identity(model) {
  return `${model.name} ${model.version}`;
}

function current() {
  const asked = decodeURIComponent(location.hash.replace(/^#\//, ""));
  return models.find((model) => model.name === asked) ?? models.find((model) => model.state === "ready") ?? models[0];
}

function draw() {
  const model = current();
  drawList(model);
  if (!model) {
    main.replaceChildren(element("p.quiet", {}, "The service has not found a model yet; it may still be starting."));
    return;
  }
  const next = `${identity(model)} ${model.state} ${Boolean(openapi)}`;
  if (next === shown) return;
  shown = next;
  document.title = `${model.name} · Tessera playground`;
  main.replaceChildren(model.version === null ? waiting(model) : benchOf(model).element);
}

/** Only when it says something new: whoever walks through it by keyboard keeps their place. */
function drawList(model) {
  const next = JSON.stringify([model?.name, models.map(({ name, task, state }) => [name, task, state])]);
  if (next === listed) return;
  listed = next;
  const focused = [...list.querySelectorAll("a")].findIndex((link) => link === document.activeElement);
  list.replaceChildren(...models.map((each) => entry(each, each === model)));
  // Where the list is a strip, as on a phone, the current one shall be in sight.
  const link = list.querySelector("[aria-current]");
  if (link) list.parentElement.scrollLeft = link.offsetLeft - list.parentElement.offsetLeft - 16;
  if (focused >= 0) list.querySelectorAll("a")[focused]?.focus();
}

function entry({ name, task, state }, isCurrent) {
  return element("li", {}, element("a", { href: `#/${encodeURIComponent(name)}`, "aria-current": isCurrent ? "page" : null },
    element(`i.state.${state}`, { "aria-hidden": "true" }),
    element("span", {}, name, element("small", {}, state === "ready" && task ? spaced(task) : state))));
}

function waiting({ name, state, versions }) {
  const reasons = versions.filter((each) => each.reason);
  return element("article", {}, element("header.model", {},
    element("p.task", {}, state), element("h2", { tabindex: "-1" }, name),
    element("p.about", { role: "status" }, state === "loading" ? "This model is being loaded and checked. Its panel opens by itself as soon as it can answer." : "This model does not answer."),
    reasons.length > 0 && element("ul", {}, reasons.map((each) => element("li", {}, `version ${each.version} is ${each.state}: ${each.reason}`)))));
}

function benchOf(model) {
  const known = benches.get(identity(model));
  if (known) return known;
  const contract = openapi && contractOf(openapi, model.name);
  if (!contract) return { element: failure({ status: 0, body: { error: `/openapi.json does not describe ${model.name} yet.` } }) };
  const bench = benchFor(model, contract, {
    explains: offers(openapi, model.name, "explain"),
    explainsAtOnce: !HEAVY_TO_EXPLAIN.includes(model.task),
  });
  benches.set(identity(model), bench);
  bench.open();
  return bench;
}

addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#/")) return; // the link that skips the navigation
  draw();
  main.querySelector("h2")?.focus();
  announce(document.title);
});
watch();
