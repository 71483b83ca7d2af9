/** A text field that offers what its search finds (ARIA combobox pattern with a listbox). */

import { announce, element, freshId } from "./dom.js";

const TYPING_PAUSE_MS = 120;

/** `search(words)` promises `[{name, about, value}]`; `choose(value)` is told what was taken. */
export function combobox({ label, placeholder, search, choose }) {
  const id = freshId("search");
  const list = element("ul", { id: `${id}-list`, role: "listbox", "aria-label": label, hidden: true });
  const field = element("input", {
    id, type: "text", role: "combobox", placeholder, autocomplete: "off", spellcheck: "false",
    "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": list.id,
  });
  let found = [];
  let active = -1;
  let timer = 0;
  let asked = 0;
  let isStale = false; // the list answers what was typed before

  const close = () => {
    asked += 1; // an answer that is still on its way comes too late
    clearTimeout(timer);
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    active = -1;
  };
  const activate = (index) => {
    active = (index + found.length) % found.length;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
    field.setAttribute("aria-activedescendant", list.children[active].id);
    list.children[active].scrollIntoView({ block: "nearest" });
  };
  const take = (index) => {
    const { value } = found[index];
    field.value = "";
    close();
    choose(value);
  };
  const open = async () => {
    clearTimeout(timer);
    const mine = asked += 1;
    const answer = await search(field.value);
    if (mine !== asked) return;
    found = answer;
    active = -1;
    isStale = false;
    list.replaceChildren(...found.map(({ name, about }, i) => element("li", {
      id: `${list.id}-${i}`, role: "option", "aria-selected": "false",
      mousedown: (event) => event.preventDefault(), // the field keeps the focus
      click: () => take(i),
    }, name, element("small", {}, about))));
    list.hidden = found.length === 0;
    field.setAttribute("aria-expanded", String(found.length > 0));
    announce(found.length > 0 ? `${found.length} found` : "Nothing found");
  };
  const keys = {
    ArrowDown: async () => {
      const wasOpen = !list.hidden;
      if (!wasOpen || isStale) await open();
      if (wasOpen && found.length > 0) activate(active + 1);
    },
    ArrowUp: () => !list.hidden && activate(active < 0 ? found.length - 1 : active - 1),
    Enter: async () => {
      if (isStale) await open();
      if (!list.hidden && !isStale) take(Math.max(active, 0));
    },
    Escape: close,
  };
  field.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.isComposing) return;
    event.preventDefault();
    keys[event.key]();
  });
  field.addEventListener("input", () => {
    isStale = true;
    clearTimeout(timer);
    timer = setTimeout(open, TYPING_PAUSE_MS);
  });
  field.addEventListener("focus", open);
  field.addEventListener("click", () => list.hidden && open());
  field.addEventListener("blur", close);
  return element("div.combobox", {}, element("label", { for: id }, label), field, list);
}
