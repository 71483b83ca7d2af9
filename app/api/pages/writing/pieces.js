/** An answer of the OpenAI dialect while it is written. */

import { envelope, stream } from "../service.js";

/** `answer` is `{status, body}`, as for `failure`. */
export class Failed extends Error {
  constructor(answer) {
    super(answer.body.error);
    this.answer = answer;
  }
}

/**
 * Gives `{choice, usage}` for each chunk. Throws Failed for a refusal, for an error in the stream, and if that breaks
 * off; rejects with an AbortError as soon as `signal` says so, which ends the request.
 */
export async function* piecesOf(request, signal) {
  const answer = await stream(request, signal);
  if (!answer.ok) throw new Failed(answer);
  try {
    for await (const data of answer.events) {
      signal.throwIfAborted();
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Failed({ status: 0, body: envelope(chunk) });
      if (chunk.choices.length > 0) yield { choice: chunk.choices[0], usage: chunk.usage };
    }
  } catch (error) {
    if (error instanceof Failed || error.name === "AbortError") throw error;
    throw broken(error.message);
  }
  throw broken("it ended in the middle");
}

function broken(why) {
  return new Failed({ status: 0, body: { error: `The answer broke off: ${why}.` } });
}
