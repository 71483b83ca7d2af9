/** The API key: asked for when the service wants one, kept in this tab only. */

const NAME = "tessera-key";
let asking = null;

export function key() {
  return sessionStorage.getItem(NAME);
}

/** A key from the person at the page, or null. Whoever asks meanwhile gets the same answer. */
export function askForKey(reason) {
  asking ??= ask(reason).finally(() => {
    asking = null;
  });
  return asking;
}

function ask(reason) {
  const dialog = document.getElementById("key");
  const field = document.getElementById("key-value");
  document.getElementById("key-reason").textContent = reason;
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "use" ? field.value.trim() : "";
      field.value = "";
      if (given) sessionStorage.setItem(NAME, given);
      resolve(given || null);
    }, { once: true });
  });
}
