/** A button that copies a text, also where the page has no right to the clipboard. */

import { announce, element } from "./dom.js";

export function copyButton(source) {
  const button = element("button.small", {
    type: "button",
    click: async () => {
      const done = await copied(source);
      button.textContent = done ? "Copied" : "Selected: press Ctrl C";
      announce(button.textContent);
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    },
  }, "Copy");
  return button;
}

async function copied(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // Over plain HTTP from another machine there is no clipboard object; a selection can be copied all the same.
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}
