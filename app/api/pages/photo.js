/** A photo that was dropped, pasted or chosen, as a panel asks a model about it: as the file that it is. */

import { element, freshId } from "./dom.js";
import { Form } from "./form.js";
import { PHOTOS } from "./samples.js";

const ANY_BYTES = "application/octet-stream";

/** What all panels of photos have in common: `{input, options, watch, request}`. */
export function photoOf(model, contract) {
  const id = freshId("photo");
  const chooser = element("input.unseen", { id, type: "file", accept: "image/*" });
  const preview = element("img", { alt: "", hidden: true });
  const name = element("span.name");
  const options = new Form(contract.parameters);
  let photo = null;
  let changed = () => {};

  const use = (blob, file, { url = null, alt = "the photo that you chose" } = {}) => {
    photo = { blob, file, url };
    URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(blob);
    preview.alt = alt;
    preview.hidden = false;
    name.textContent = file;
    changed(false);
  };
  const useSample = async ({ url, file, alt }) => {
    const response = await fetch(url);
    if (response.ok) use(await response.blob(), file, { url, alt });
  };
  const useFirst = (files) => {
    if (files[0]) use(files[0], files[0].name || "pasted.png");
  };

  // A format that this browser cannot show may still be one that the service reads.
  preview.addEventListener("error", () => { preview.hidden = true; });
  chooser.addEventListener("change", () => useFirst(chooser.files));
  const target = element("label.drop", { for: id }, preview, element("span", {}, "Drop a photo, paste one, or ", element("u", {}, "choose a file")), name);
  const input = element("div", {
    dragover: (event) => { event.preventDefault(); target.classList.add("over"); },
    dragleave: () => target.classList.remove("over"),
    drop: (event) => { event.preventDefault(); target.classList.remove("over"); useFirst(event.dataTransfer.files); },
  }, chooser, target, thumbnails(useSample));
  document.addEventListener("paste", (event) => {
    if (input.isConnected && event.clipboardData.files.length > 0) useFirst(event.clipboardData.files);
  });
  useSample(PHOTOS[0]);

  return {
    title: "Your photo",
    input,
    options,
    watch: (tell) => { changed = tell; },
    request: () => photo && { path: `v1/models/${model.name}/predict${query(options.read())}`, method: "POST", contentType: photo.blob.type.startsWith("image/") ? photo.blob.type : ANY_BYTES, body: photo.blob, file: photo.file, url: photo.url, item: null },
  };
}

function thumbnails(choose) {
  return element("div.samples", { role: "group", "aria-label": "Sample photos" }, PHOTOS.map((sample) =>
    element("button.thumbnail", { type: "button", click: () => choose(sample), "aria-label": `Sample: ${sample.alt}` },
      element("img", { src: sample.url, alt: "", width: "96", height: "64" }))));
}

/** Parameters as the end of an address. */
export function query(parameters) {
  const found = new URLSearchParams(parameters).toString();
  return found && `?${found}`;
}
