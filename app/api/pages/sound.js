/** A recording that was dropped, chosen or spoken into the microphone, as a panel asks a model about it. */

import { announce, element, freshId } from "./dom.js";
import { Form } from "./form.js";
import { query } from "./photo.js";
import { canRecord, record } from "./recorder.js";
import { clock } from "./text.js";

const ANY_BYTES = "application/octet-stream";
const LOUD = 0.3; // root mean square of speech near the microphone, at which the meter is full

/** What a panel of sound has: `{input, options, watch, request, player}`. */
export function soundOf(model, contract, values) {
  const id = freshId("sound");
  const chooser = element("input.unseen", { id, type: "file", accept: "audio/*,.wav,.flac,.ogg,.opus,.mp3" });
  const player = element("audio", { controls: true, preload: "auto", hidden: true, "aria-label": "The recording" });
  const name = element("span.name");
  const options = new Form(contract.parameters, values);
  let sound = null;
  let changed = () => {};

  const use = (blob, file) => {
    sound = { blob, file };
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(blob);
    player.hidden = false;
    name.textContent = file;
    changed(false);
  };
  const useFirst = (files) => {
    if (files[0]) use(files[0], files[0].name || "recording");
  };

  // A format that this browser cannot play may still be one that the service reads.
  player.addEventListener("error", () => { player.hidden = true; });
  chooser.addEventListener("change", () => useFirst(chooser.files));
  const target = element("label.drop", { for: id }, element("span", {}, "Drop a recording, or ", element("u", {}, "choose a file")), name);
  const input = element("div", {
    dragover: (event) => { event.preventDefault(); target.classList.add("over"); },
    dragleave: () => target.classList.remove("over"),
    drop: (event) => { event.preventDefault(); target.classList.remove("over"); useFirst(event.dataTransfer.files); },
  }, chooser, target, microphone((blob) => use(blob, "recording.wav")), player);
  const example = contract.example.inputs[0]?.audio;
  if (example) use(new Blob([Uint8Array.from(atob(example), (letter) => letter.charCodeAt(0))]), "example");

  return {
    title: "Your recording",
    input,
    options,
    player,
    watch: (tell) => { changed = tell; },
    request: () => sound && { path: `v1/models/${model.name}/predict${query(options.read())}`, method: "POST", contentType: sound.blob.type.startsWith("audio/") ? sound.blob.type : ANY_BYTES, body: sound.blob, file: sound.file, item: null },
  };
}

/** A button that records until it is pressed again, with the level of what it hears. */
function microphone(use) {
  if (!canRecord) return element("p.quiet", {}, "To record here, open this page over https, or on this very machine.");
  const meter = element("meter", { min: "0", max: "1", value: "0", "aria-label": "Level of the microphone" });
  const time = element("span.quiet");
  const hearing = element("span.row.hearing", { hidden: true }, meter, time);
  const trouble = element("p.quiet", { role: "status" });
  const button = element("button", { type: "button", "aria-pressed": "false" }, "Record");
  const row = element("div.record", {}, element("div.row", {}, button, hearing), trouble);
  let recording = null;

  const show = (isOn) => {
    button.textContent = isOn ? "Stop" : "Record";
    button.setAttribute("aria-pressed", String(isOn));
    hearing.hidden = !isOn;
  };
  const stop = () => {
    const file = recording.stop();
    recording = null;
    show(false);
    use(file);
    announce("Recorded");
  };
  const heard = (level, seconds, isLast) => {
    meter.value = Math.min(1, level / LOUD);
    time.textContent = clock(seconds);
    if (isLast && recording) stop();
    return row.isConnected; // who has left the panel is not recorded any more
  };
  const start = async () => {
    button.disabled = true;
    trouble.textContent = "";
    try {
      recording = await record(heard);
      show(true);
      announce("Recording");
    } catch (error) {
      trouble.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  };
  button.addEventListener("click", () => (recording ? stop() : start()));
  return row;
}
