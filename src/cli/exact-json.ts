/**
 * JSON read without loss: integers beyond 2^53 (KV flags, for one) become bigints. `JSON.parse` of
 * this Node gives its reviver no source text, so such integers are marked before parsing.
 */

export type ExactJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly ExactJson[]
  | { readonly [key: string]: ExactJson };

const MARK = '\u0000int:';
/** A string literal (skipped), or an integer of 16 digits or more that is not part of a float. */
const STRING_OR_LONG_INTEGER = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** Parses JSON text; throws a SyntaxError as `JSON.parse` does. */
export function parseJsonExactly(text: string): ExactJson {
  const marked = text.replace(STRING_OR_LONG_INTEGER, (found) =>
    found.startsWith('"') ? found : JSON.stringify(`${MARK}${found}`),
  );
  return JSON.parse(marked, (_key, value: ExactJson) =>
    typeof value === 'string' && value.startsWith(MARK) ? exact(value.slice(MARK.length)) : value,
  ) as ExactJson;
}

function exact(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}
