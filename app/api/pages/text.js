/** Places in a text. The service counts Unicode code points, JavaScript counts UTF-16 units. */

/** The text cut at spans `{start, end}`, in code points: a list of `{text, span}`, `span` null between them. */
export function pieces(text, spans) {
  const characters = Array.from(text);
  const found = [];
  let at = 0;
  for (const span of [...spans].sort((one, other) => one.start - other.start)) {
    if (span.start < at || span.end <= span.start) continue; // inside of one before, or empty
    if (span.start > at) found.push({ text: characters.slice(at, span.start).join(""), span: null });
    found.push({ text: characters.slice(span.start, span.end).join(""), span });
    at = span.end;
  }
  if (at < characters.length) found.push({ text: characters.slice(at).join(""), span: null });
  return found;
}

/** The places of words in a text, whatever their case, as `pieces` takes them. */
export function placesOf(text, words) {
  const length = (part) => Array.from(part).length;
  return words.filter(Boolean).flatMap((word) =>
    [...text.matchAll(new RegExp(word.replaceAll(/[.*+?^${}()|[\]\\/-]/g, "\\$&"), "giu"))].map((found) => {
      const start = length(text.slice(0, found.index));
      return { start, end: start + length(found[0]) };
    }));
}

/** "hr@10" stays; "accuracy_3class" reads "accuracy 3class", "time-series-forecasting" "time series forecasting". */
export function spaced(name) {
  return name.replaceAll(/[_-]+/g, " ");
}

export function percent(share) {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** Scores as people read them: shares in percent, and logits or the number of a regression as they are. */
export function scored(scores) {
  const areShares = scores.every((score) => score >= 0 && score <= 1);
  return { areShares, said: areShares ? percent : figure };
}

/** Three digits that matter, thousands marked. */
export function figure(value) {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  if (size < 0.001) return value.toPrecision(3);
  const digits = size < 1 ? 3 : size < 10 ? 2 : 1;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Seconds as minutes and seconds: 1:05. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
