/** Base64 as Go's standard decoder takes it: padded, line breaks skipped, errors by their place. */

const DIGIT = /[A-Za-z0-9+/]/;
const PAD = '=';

export type Base64Outcome =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly error: string };

/** Decodes text of the standard alphabet; the error is in the words of Go's library. */
export function decodeGoBase64(text: string): Base64Outcome {
  const at = corruptAt(text);
  if (at !== null) return { ok: false, error: `illegal base64 data at input byte ${at}` };
  return { ok: true, bytes: Buffer.from(text, 'base64') };
}

/** Where Go's decoder stops; `null` when it does not. */
function corruptAt(text: string): number | null {
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (isBreak(char)) continue;
    if (char === PAD) return paddingFault(text, at, digits);
    if (!DIGIT.test(char)) return at;
    digits = (digits + 1) % 4;
  }
  return digits === 0 ? null : text.length - digits;
}

/** What is wrong with the padding that begins at `at`, behind `digits` of the last four. */
function paddingFault(text: string, at: number, digits: number): number | null {
  if (digits < 2) return at;
  let next = afterBreaks(text, at + 1);
  if (digits === 2) {
    if (next === text.length) return text.length;
    if (text.charAt(next) !== PAD) return next - 1;
    next = afterBreaks(text, next + 1);
  }
  return next < text.length ? next : null;
}

function afterBreaks(text: string, from: number): number {
  let at = from;
  while (at < text.length && isBreak(text.charAt(at))) at += 1;
  return at;
}

function isBreak(char: string): boolean {
  return char === '\n' || char === '\r';
}
