/**
 * JSON strings as Go's encoder writes them: `<`, `>`, `&`, U+2028 and U+2029 are escaped, so that the
 * text is safe inside HTML; lone surrogates become U+FFFD as they cannot be UTF-8.
 */

const SPECIAL = /[<>&\u2028\u2029]/g;
const NEEDS_CARE = /[<>&\u2028\u2029\b\f]|[\ud800-\udfff]/;

/** A JSON string literal, quotes included. */
export function jsonString(value: string): string {
  if (!NEEDS_CARE.test(value)) return JSON.stringify(value);
  return JSON.stringify(Buffer.from(value).toString())
    .replace(SPECIAL, escapeUnit)
    .replace(/\\\\|\\b|\\f/g, (found) => GO_CONTROLS[found] ?? found);
}

/** Go (up to 1.21) has no short form for backspace and form feed. */
const GO_CONTROLS: Readonly<Record<string, string>> = { '\\b': '\\u0008', '\\f': '\\u000c' };

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
