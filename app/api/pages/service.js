/** Questions to the service, and its answers, good or bad, in one form. */

import { eventsOf } from "./events.js";
import { askForKey, key } from "./key.js";

const UNREACHABLE = "The service cannot be reached: it may be down, or the network is.";

/**
 * `request`: `{path, method, contentType, body}`, the path relative to this page.
 * Gives `{ok, status, body, ms, timing}`; a failure's body is the native dialect's envelope. Rejects only if aborted.
 */
export async function ask(request, signal) {
  return asked(request, "application/json", signal, wholeOf);
}

/** As `ask`, but a good answer has `events` in place of its body: the data of each server-sent event, as it comes. */
export async function stream(request, signal) {
  return asked(request, "text/event-stream, application/json", signal, async (response) =>
    response.ok ? { events: eventsOf(response.body) } : wholeOf(response));
}

async function asked(request, accept, signal, read) {
  const sent = key();
  const answer = await send(request, accept, sent, signal, read);
  if (answer.status !== 401) return answer;
  // Another question may have been given a new key while this one was on its way.
  const given = key() !== sent ? key() : await askForKey(answer.body.error);
  return given ? asked(request, accept, signal, read) : answer;
}

async function send({ path, method = "GET", contentType, body }, accept, secret, signal, read) {
  const headers = { Accept: accept };
  if (contentType) headers["Content-Type"] = contentType;
  if (secret) headers.Authorization = `Bearer ${secret}`;
  const started = performance.now();
  try {
    const response = await fetch(path, { method, headers, body, signal, cache: "no-store" });
    const found = await read(response);
    const ms = performance.now() - started;
    return { ok: response.ok, status: response.status, ...found, ms, timing: response.headers.get("Server-Timing") };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { ok: false, status: 0, body: { error: UNREACHABLE }, ms: performance.now() - started, timing: null };
  }
}

async function wholeOf(response) {
  const body = parsed(await response.text());
  return { body: response.ok ? body : envelope(body) };
}

/** A failure in the words of the native dialect; that of OpenAI has an object in `error`. */
export function envelope(body) {
  const { error } = body;
  if (error === null || typeof error !== "object") return body;
  return { error: error.message, error_type: error.code ?? error.type, request_id: error.request_id };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { error: text.slice(0, 500) || "The answer is empty." };
  }
}
