/** What was just asked, as a line for a shell. */

import { key } from "./key.js";

/** Quoted for POSIX shells: nothing inside single quotes means anything but a single quote. */
export function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A file is named, not inlined: `request.file` is a path on the caller's disk, `request.url` one that we serve.
 * With `request.streams` the shell shows the answer as it comes. */
export function curlLine(request) {
  const words = ["curl", ...(request.streams ? ["-N"] : []), quoted(address(request.path))];
  if (request.contentType) words.push("-H", quoted(`Content-Type: ${request.contentType}`));
  // The key itself does not belong into a line that people paste into chats.
  if (key()) words.push("-H", '"Authorization: Bearer $TESSERA_KEY"');
  if (request.url) words.push("--data-binary", "@-");
  else if (request.file) words.push("--data-binary", quoted(`@${request.file}`));
  else if (request.body !== undefined) words.push("-d", quoted(request.body));
  const line = words.join(" ");
  return request.url ? `curl -s ${quoted(address(request.url))} | ${line}` : line;
}

function address(path) {
  return new URL(path, document.baseURI).href;
}
