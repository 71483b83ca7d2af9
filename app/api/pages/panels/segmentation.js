/** image-segmentation: the photo under colours that tell which class each part of it has. */

import { element } from "../dom.js";
import { photoOf } from "../photo.js";
import { colour, legend, plane } from "../plane.js";
import { percent } from "../text.js";

const MOST_PIXELS = 600_000; // are coloured: more than anybody sees
const OPAQUE = 165; // of 255: the photo shows through
const PALE = 40;
const INSIDE = 128; // from which grey on a mask is white

export function segmentation(model, contract) {
  const answer = element("div.looked-over");
  return {
    ...photoOf(model, contract),
    hint: "The model tells which class each part of the photo has.",
    button: "Look",
    answer,
    show: ({ output, request }) => {
      const { regions } = output;
      const colours = new Colours(output);
      answer.replaceChildren(plane(request, output, colours.element), legend(regions.map(({ label, share }, i) => ({
        name: label,
        value: percent(share),
        hue: colour(i),
        point: (is) => colours.paint(is ? i : null),
      }))));
      const largest = `${regions[0].label} with ${percent(regions[0].share)}`;
      return regions.length === 1 ? `One class, ${largest}` : `${regions.length} classes, the largest ${largest}`;
    },
  };
}

/** Masks as one picture of colours, which is painted when the browser has read them. */
class Colours {
  constructor({ width, height, regions }) {
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
    this.element = element("canvas", { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
    this.colours = regions.map((_, i) => channels(colour(i)));
    this.numbers = new Uint16Array(this.element.width * this.element.height); // 0 where no mask is, else one more than the region's
    this.read(regions);
  }

  async read(regions) {
    const { width, height } = this.element;
    const context = pad(width, height);
    for (const [i, { mask }] of regions.entries()) {
      const picture = new Image();
      picture.src = `data:image/png;base64,${mask}`;
      await picture.decode();
      context.drawImage(picture, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      for (let at = 0; at < this.numbers.length; at += 1) if (data[4 * at] >= INSIDE) this.numbers[at] = i + 1;
    }
    this.paint(null);
  }

  /** All regions, or one clearly and the others hardly. */
  paint(only) {
    const context = this.element.getContext("2d", { willReadFrequently: true }); // it is written pixel by pixel
    const image = context.createImageData(this.element.width, this.element.height);
    this.numbers.forEach((number, at) => {
      if (number === 0) return;
      image.data.set(this.colours[number - 1], 4 * at);
      image.data[4 * at + 3] = only === null || only === number - 1 ? OPAQUE : PALE;
    });
    context.putImageData(image, 0, 0);
  }
}

function pad(width, height) {
  return element("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
}

/** A colour of CSS as red, green and blue. */
function channels(hue) {
  const context = pad(1, 1);
  context.fillStyle = hue;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data.slice(0, 3);
}
