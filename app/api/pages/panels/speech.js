/** automatic-speech-recognition: what is said in a recording, segment by segment, each of which can be heard. */

import { element } from "../dom.js";
import { soundOf } from "../sound.js";
import { clock } from "../text.js";

export function speech(model, contract) {
  const sound = soundOf(model, contract, { return_timestamps: true });
  const segments = element("ol.segments");
  const facts = element("p.quiet");
  const written = element("p.unverified", {}, "Written by a model. Nobody has verified it.");
  const play = (start) => {
    sound.player.currentTime = start;
    sound.player.play().catch(() => {}); // of a format that the browser does not know
  };
  return {
    ...sound,
    hint: "WAV, FLAC, Ogg or MP3, or what you say now. Press a segment to hear it.",
    button: "Write it down",
    answer: element("div", {}, segments, written, facts),
    show: ({ output }) => {
      segments.replaceChildren(...output.segments.map((each) => segment(each, play)));
      written.hidden = output.segments.length === 0;
      const heard = output.segments.length === 0 ? "Nobody seems to speak in this recording. " : "";
      facts.textContent = `${heard}${clock(output.duration_s)} long, ${clock(output.speech_s)} of it speech; language: ${output.language}.`;
      return output.text ? `Written by a model and not verified: ${output.text}` : "Nobody seems to speak in this recording.";
    },
  };
}

function segment({ start, end, text, is_doubtful: isDoubtful }, play) {
  return element("li", {},
    element("button.segment", { type: "button", click: () => play(start), "aria-label": `Play from ${clock(start)}: ${text}` },
      element("small", {}, `${clock(start)} – ${clock(end)}`), element("span.prose", {}, text), isDoubtful && element("small.unverified", {}, "doubtful")));
}
