/** The query part of a URL as Go reads it: repeated keys kept, `+` is a blank. */

/** Parameters beyond this many make the request malformed. */
const PARAMETERS_MAX = 1024;

export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** First value, `''` when missing. */
  get(name: string): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }
}

/** Parses the text behind `?`; `null` when an escape is malformed. */
export function parseQuery(text: string): Query | null {
  const values = new Map<string, string[]>();
  const pairs = text.split('&');
  if (pairs.length > PARAMETERS_MAX) return null;
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = unescapeQuery(equals < 0 ? pair : pair.slice(0, equals));
    const value = unescapeQuery(equals < 0 ? '' : pair.slice(equals + 1));
    if (key === null || value === null) return null;
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  }
  return new Query(values);
}

function unescapeQuery(text: string): string | null {
  return percentDecode(text.replaceAll('+', ' '));
}

/** Decodes `%xx`; bytes that are no UTF-8 become U+FFFD. `null` when an escape is malformed. */
export function percentDecode(text: string): string | null {
  if (!text.includes('%')) return text;
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return null;
  const bytes: Buffer[] = [];
  let at = 0;
  for (const found of text.matchAll(/(?:%[0-9a-fA-F]{2})+/g)) {
    bytes.push(Buffer.from(text.slice(at, found.index)));
    bytes.push(Buffer.from(found[0].replaceAll('%', ''), 'hex'));
    at = found.index + found[0].length;
  }
  bytes.push(Buffer.from(text.slice(at)));
  return Buffer.concat(bytes).toString('utf8');
}
