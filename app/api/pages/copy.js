/** A button that copies a text, also where the page has no right to the clipboard. */

import { announce, element } from "./dom.js";

/** Copies the text of an element, or what `read` makes of it; `name` says which for those who do not see where it stands. */
export function copyButton(source, name = null, read = () => source.textContent) {
  const button = element("button.small", {
    type: "button",
    "aria-label": name,
    click: async () => {
      const done = await copied(source, read());
      button.textContent = done ? "Copied" : "Selected: press Ctrl C";
      announce(button.textContent);
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    },
  }, "Copy");
  return button;
}

async function copied(source, text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP from another machine there is no clipboard object; a selection can be copied all the same.
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}
