/** Server-sent events (WHATWG HTML, section 9.2.6) of any answer: an EventSource cannot POST, and sends no key. */

/** Reads a stream of events that arrives in pieces, cut anywhere. */
export class EventReader {
  constructor() {
    this.rest = ""; // of a line that has not ended
    this.endedInReturn = false; // a line break may be cut in two
    this.data = [];
  }

  /** The data of each event that `text` completes. An event that is never completed is none. */
  push(text) {
    if (text === "") return [];
    const own = this.endedInReturn && text.startsWith("\n") ? text.slice(1) : text;
    this.endedInReturn = text.endsWith("\r");
    const lines = (this.rest + own).split(/\r\n|\n|\r/);
    this.rest = lines.pop();
    return lines.flatMap((line) => this.readLine(line));
  }

  /** A line without a name is a comment; names, ids and times of events mean nothing here. */
  readLine(line) {
    if (line === "") {
      const data = this.data;
      this.data = [];
      return data.length > 0 ? [data.join("\n")] : [];
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/su.exec(line);
    if (name === "data") this.data.push(value);
    return [];
  }
}

/** The data of each event of a body (a ReadableStream of bytes), as it comes. Who stops asking ends the stream. */
export async function* eventsOf(body) {
  const bytes = body.getReader();
  const decoder = new TextDecoder();
  const events = new EventReader();
  try {
    for (;;) {
      const { done, value } = await bytes.read();
      if (done) return;
      yield* events.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    bytes.cancel().catch(() => {}); // it may have failed already
  }
}
