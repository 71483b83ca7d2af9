/** Runs beside the page, on the thread of the sound card: hands on the samples of its first input as they come. */

class Capture extends AudioWorkletProcessor {
  process([[samples]]) {
    if (samples) this.port.postMessage(samples.slice());
    return true;
  }
}

registerProcessor("capture", Capture);
