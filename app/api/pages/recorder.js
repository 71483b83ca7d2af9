/** The microphone as a WAV file, which every service reads: what browsers record by themselves is WebM or MP4. */

const LONGEST_S = 300;
const REFUSALS = {
  NotAllowedError: "The browser does not let this page use the microphone.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "The microphone is in use elsewhere, or cannot be opened.",
};

/** Whether this page may ask for a microphone: browsers let only https and this very machine. */
export const canRecord = Boolean(navigator.mediaDevices?.getUserMedia && globalThis.AudioWorkletNode);

/**
 * Start to record, once whoever looks at the page allows it.
 *
 * `heard(level, seconds)` is called many times a second, with the root mean square of the last samples; it stops the
 * recording by returning false. `stop()` of what comes back gives the file. Rejects with an Error that says why not.
 */
export async function record(heard) {
  const stream = await microphone();
  const context = new AudioContext();
  const parts = [];
  let count = 0;
  await context.audioWorklet.addModule("pages/capture.js");
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  const source = context.createMediaStreamSource(stream);
  const close = () => {
    capture.port.onmessage = null;
    for (const track of stream.getTracks()) track.stop();
    return context.close();
  };
  capture.port.onmessage = ({ data }) => {
    parts.push(data);
    count += data.length;
    const seconds = count / context.sampleRate;
    const level = Math.sqrt(data.reduce((sum, one) => sum + one * one, 0) / data.length);
    if (heard(level, seconds, seconds >= LONGEST_S) === false) close();
  };
  source.connect(capture);
  return {
    stop: () => {
      close();
      return wav(parts, count, context.sampleRate);
    },
  };
}

async function microphone() {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `The microphone cannot be used: ${error.message}`);
  }
}

/** One channel of 16 bits. */
function wav(parts, count, rate) {
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, 2 * rate, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  text(36, "data");
  header.setUint32(40, 2 * count, true);
  const samples = parts.map((part) => Int16Array.from(part, (one) => Math.max(-1, Math.min(1, one)) * 32767));
  return new Blob([header, ...samples], { type: "audio/wav" });
}
