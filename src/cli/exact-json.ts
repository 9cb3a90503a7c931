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
/** A string literal or a number: numbers are matched whole, so that a fraction is no integer. */
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;

/** Parses JSON text; throws a SyntaxError as `JSON.parse` does. */
export function parseJsonExactly(text: string): ExactJson {
  const marked = text.replace(STRING_OR_NUMBER, (found) =>
    LONG_INTEGER.test(found) ? JSON.stringify(`${MARK}${found}`) : found,
  );
  return JSON.parse(marked, (_key, value: ExactJson) =>
    typeof value === 'string' && value.startsWith(MARK) ? exact(value.slice(MARK.length)) : value,
  ) as ExactJson;
}

function exact(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}
