/** A photo with something drawn over it, in the photo's own pixels, and beside it a legend that points at each part. */

import { element } from "./dom.js";

// Light enough for dark letters, and told apart on photos of any colour.
const COLOURS = ["#ffd23f", "#5bd1ff", "#ff8fab", "#7ee081", "#ffa552", "#c9a6ff", "#4fe0c4", "#f2f2f2"];
const GOLDEN_ANGLE = 137.508; // degrees: the next hue is far from all before it

/** The colour of the part with this number. */
export function colour(number) {
  return COLOURS[number] ?? `hsl(${((number * GOLDEN_ANGLE) % 360).toFixed(0)} 75% 72%)`;
}

/** The photo that `request` sent, as wide as there is room; `layers` lie over it. */
export function plane(request, { width, height }, ...layers) {
  const photo = element("img", { src: URL.createObjectURL(request.body), alt: "the photo that was asked about" });
  photo.addEventListener("load", () => URL.revokeObjectURL(photo.src));
  photo.addEventListener("error", () => { photo.hidden = true; }); // what the service reads, this browser may not
  return element("div.framed", { tabindex: "0", role: "group", "aria-label": "The photo, with what was found in it" },
    element("div.plane", { css: { "--wide": width, "--tall": height } }, photo, ...layers));
}

/** A list of parts `{name, value, hue, point(is)}`: whoever points at one, by mouse or keyboard, sees where it is. */
export function legend(parts) {
  return element("ol.parts", {}, parts.map(({ name, value, hue, point }) => element("li", {}, element("button.pointer", {
    type: "button",
    pointerenter: () => point(true), pointerleave: () => point(false), focus: () => point(true), blur: () => point(false),
  }, element("i", { "aria-hidden": "true", css: { "--hue": hue } }), element("span.label", {}, name), element("span.value", {}, value)))));
}
