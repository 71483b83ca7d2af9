/** Questions to the service, and its answers, good or bad, in one form. */

import { askForKey, key } from "./key.js";

/**
 * `request`: `{path, method, contentType, body}`, the path relative to this page.
 * Gives `{ok, status, body, ms, timing}`; a failure's body is the service's own envelope. Rejects only if aborted.
 */
export async function ask(request, signal) {
  const sent = key();
  const answer = await send(request, sent, signal);
  if (answer.status !== 401) return answer;
  // Another question may have been given a new key while this one was on its way.
  const given = key() !== sent ? key() : await askForKey(answer.body.error);
  return given ? ask(request, signal) : answer;
}

async function send({ path, method = "GET", contentType, body }, secret, signal) {
  const headers = { Accept: "application/json" };
  if (contentType) headers["Content-Type"] = contentType;
  if (secret) headers.Authorization = `Bearer ${secret}`;
  const started = performance.now();
  try {
    const response = await fetch(path, { method, headers, body, signal, cache: "no-store" });
    const text = await response.text();
    const ms = performance.now() - started;
    return { ok: response.ok, status: response.status, body: read(text), ms, timing: response.headers.get("Server-Timing") };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const why = "The service cannot be reached: it may be down, or the network is.";
    return { ok: false, status: 0, body: { error: why }, ms: performance.now() - started, timing: null };
  }
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { error: text.slice(0, 500) || "The answer is empty." };
  }
}
