/** Fields for an object of a JSON schema. */

import { element, freshId } from "./dom.js";
import { spaced } from "./text.js";

/** Fields for `schema.properties`, filled with `values`. `read()` gives an object, or throws an Error that says why not. */
export class Form {
  constructor(schema, values = {}) {
    this.fields = Object.entries(schema.properties ?? {}).map(([name, each]) => field(name, each, values[name]));
    this.element = element("div.fields", {}, this.fields.map((each) => each.element));
  }

  get isEmpty() {
    return this.fields.length === 0;
  }

  read() {
    const found = {};
    for (const { name, read } of this.fields) {
      const value = read();
      if (value !== undefined) found[name] = value;
    }
    return found;
  }
}

/** A text area that holds JSON. */
export function jsonField(name, label, value, description = "") {
  const control = element("textarea", { rows: "6", spellcheck: "false", class: "code" });
  control.value = value === undefined ? "" : written(value);
  return labelled(name, label, control, description, () => {
    if (!control.value.trim()) return undefined;
    try {
      return JSON.parse(control.value);
    } catch (error) {
      throw new Error(`${label} is not valid JSON: ${error.message}`);
    }
  });
}

/** A text area; an empty one is not sent. */
export function textField(name, label, rows, description = "") {
  const control = element("textarea", { rows: String(rows) });
  return labelled(name, label, control, description, () => control.value.trim() === "" ? undefined : control.value);
}

function field(name, schema, value) {
  const { type, choices, minimum, maximum, initial, description } = facts(schema);
  const start = value ?? initial ?? undefined;
  const label = spaced(name);
  // What equals the default is not sent: two parameters may exclude each other.
  const unlessInitial = (read) => () => {
    const found = read();
    return found === initial ? undefined : found;
  };
  if (choices) {
    const offered = initial === null ? ["", ...choices] : choices; // the empty one leaves it to the model
    const control = element("select", {}, offered.map((choice) =>
      element("option", { value: choice, selected: choice === start }, String(choice))));
    return labelled(name, label, control, description, unlessInitial(() => control.value === "" ? undefined : control.value));
  }
  if (type === "boolean") {
    const control = element("input", { type: "checkbox", checked: start === true });
    return labelled(name, label, control, description, unlessInitial(() => control.checked));
  }
  if (type === "integer" || type === "number") {
    const control = element("input", { type: "number", min: minimum, max: maximum, step: type === "integer" ? "1" : "any", value: start });
    return labelled(name, label, control, description, unlessInitial(() => control.value === "" ? undefined : Number(control.value)));
  }
  if (type === "string") {
    const control = String(start ?? "").length > 60 ? element("textarea", { rows: "5" }) : element("input", { type: "text" });
    control.value = start ?? "";
    return labelled(name, label, control, description, unlessInitial(() => control.value === "" ? undefined : control.value));
  }
  return jsonField(name, label, start, description);
}

/** What a schema says of one field; of `anyOf` the first that is not null. */
function facts(schema) {
  const { anyOf = [], default: initial = undefined, description = "" } = schema;
  const main = anyOf.find((each) => each.type !== "null") ?? schema;
  const least = main.minimum ?? (main.type === "integer" && main.exclusiveMinimum !== undefined ? main.exclusiveMinimum + 1 : undefined);
  return { type: main.type, choices: main.enum, minimum: least, maximum: main.maximum, initial, description };
}

function labelled(name, label, control, description, read) {
  const id = freshId("field");
  control.id = id;
  control.name = name;
  const explained = description && element("p.quiet", { id: `${id}-about` }, description);
  if (explained) control.setAttribute("aria-describedby", explained.id);
  return { name, read, element: element("div.field", {}, element("label", { for: id }, label), control, explained) };
}

/** JSON with short lists on one line each. */
function written(value) {
  if (Array.isArray(value) && value.every((each) => typeof each !== "object" || each === null)) {
    return `[${value.map((each) => JSON.stringify(each)).join(", ")}]`;
  }
  return JSON.stringify(value, null, 1).replaceAll(/\[[^[\]{}]*\]/g, (list) => list.replaceAll(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"));
}
