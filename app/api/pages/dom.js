/** Elements from values. A string becomes text, never markup: whatever a model or a person says is only shown. */

const SVG = "http://www.w3.org/2000/svg";

/** `tag` may carry classes: "p.quiet". Attributes that are functions are listeners; `css` holds style properties. */
export function element(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.classList.add(...classes);
  return furnish(made, attributes, children);
}

export function drawing(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

/** Say it to those who do not see the page change. */
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

let count = 0;

/** An id that no other element of the page has. */
export function freshId(prefix) {
  count += 1;
  return `${prefix}-${count}`;
}

function furnish(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (name === "css") for (const [property, setting] of Object.entries(value)) made.style.setProperty(property, setting);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}
