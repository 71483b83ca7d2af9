/** object-detection: the photo with a box around each thing that was found. */

import { element } from "../dom.js";
import { photoOf } from "../photo.js";
import { colour, legend, plane } from "../plane.js";
import { percent } from "../text.js";

const MOST_NAMED = 8; // boxes that have room for their names; more of them have numbers

export function detection(model, contract) {
  const answer = element("div.looked-over");
  return {
    ...photoOf(model, contract),
    hint: "The model finds things, and says where each is.",
    button: "Find",
    answer,
    show: ({ output, request }) => {
      const { detections } = output;
      if (detections.length === 0) {
        answer.replaceChildren(plane(request, output), element("p", {}, "Nothing was found that is surer than the threshold, which stands among the options."));
        return "Nothing was found";
      }
      const labels = [...new Set(detections.map(({ label }) => label))];
      const hue = (label) => colour(labels.indexOf(label));
      const isNamed = detections.length <= MOST_NAMED;
      const boxes = detections.map(({ label, box }, i) => drawn(box, output, hue(label), isNamed ? label : i + 1));
      // A small box lies over the large one that it stands in, and the surer one over another of its size.
      const order = [...boxes.keys()].sort((one, other) => area(detections[other].box) - area(detections[one].box) || other - one);
      const layers = order.map((i) => boxes[i]);
      const seen = plane(request, output, ...layers);
      answer.replaceChildren(seen, legend(detections.map(({ label, score }, i) => ({
        name: isNamed ? label : `${i + 1} ${label}`,
        value: percent(score),
        hue: hue(label),
        point: (is) => {
          seen.classList.toggle("pointing", is);
          boxes[i].classList.toggle("pointed", is);
          if (is) seen.scrollLeft = boxes[i].offsetLeft + (boxes[i].offsetWidth - seen.clientWidth) / 2;
        },
      }))));
      return `${detections.length} found, ${detections[0].label} the surest with ${percent(detections[0].score)}`;
    },
  };
}

function area({ xmin, ymin, xmax, ymax }) {
  return (xmax - xmin) * (ymax - ymin);
}

/** In shares of the photo; what reaches beyond it is cut. */
function drawn({ xmin, ymin, xmax, ymax }, { width, height }, hue, name) {
  const inside = (share) => Math.min(Math.max(share, 0), 1);
  const [left, top, right, bottom] = [xmin / width, ymin / height, xmax / width, ymax / height].map(inside);
  const place = (share) => `${(100 * share).toFixed(3)}%`;
  return element(`div.box${top < 0.08 ? ".high" : ""}`, { css: { "--hue": hue, left: place(left), top: place(top), width: place(right - left), height: place(bottom - top) } }, element("span", { "aria-hidden": "true" }, name));
}
