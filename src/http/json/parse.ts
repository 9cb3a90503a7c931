/**
 * Reads the first JSON value of a text as Go's decoder does: what follows it is ignored, a text that
 * ends early is `EOF` (nothing there) or `unexpected EOF`, integers keep all their digits.
 */

export type JsonValue =
  | null
  | boolean
  | string
  | JsonNumber
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>;

/** A number as it was written. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Foreign JSON that cannot be read; the message is Go's or close to it. */
export class JsonDecodeError extends Error {
  override readonly name = 'JsonDecodeError';
}

/** Go refuses deeper nesting. */
const DEPTH_MAX = 10_000;
/** Ours is lower, as parsing is recursive. */
const NESTING_MAX = Math.min(DEPTH_MAX, 512);

/** Objects, lists and scalars of one body: each takes more memory than its text. */
const VALUES_MAX = 262_144;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANK_CODE = 0x20;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\r\n]*/y;
/** Parses the first value of `text`; throws a JsonDecodeError. */
export function parseJson(text: string): JsonValue {
  return new Parser(text).first();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  first(): JsonValue {
    this.#skipBlanks();
    if (this.#at >= this.#text.length) throw new JsonDecodeError('EOF');
    return this.#value(0);
  }

  #value(depth: number): JsonValue {
    if (depth > NESTING_MAX) throw new JsonDecodeError('exceeded max depth');
    this.#values += 1;
    if (this.#values > VALUES_MAX) throw new JsonDecodeError(`more than ${VALUES_MAX} values`);
    this.#skipBlanks();
    switch (this.#text[this.#at]) {
      case undefined:
        throw this.#cut();
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): ReadonlyMap<string, JsonValue> {
    const entries = new Map<string, JsonValue>();
    this.#at += 1;
    this.#skipBlanks();
    if (this.#take('}')) return entries;
    for (;;) {
      this.#skipBlanks();
      if (this.#peek() !== '"') {
        throw this.#unexpected('looking for beginning of object key string');
      }
      const key = this.#string();
      this.#skipBlanks();
      if (!this.#take(':')) throw this.#unexpected('after object key');
      entries.set(key, this.#value(depth + 1));
      this.#skipBlanks();
      if (this.#take('}')) return entries;
      if (!this.#take(',')) throw this.#unexpected('after object key:value pair');
    }
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at += 1;
    this.#skipBlanks();
    if (this.#take(']')) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#skipBlanks();
      if (this.#take(']')) return items;
      if (!this.#take(',')) throw this.#unexpected('after array element');
    }
  }

  /** By hand: an expression with alternatives runs out of stack within a text of megabytes. */
  #string(): string {
    let at = this.#at + 1;
    let escaped = false;
    for (;;) {
      const code = this.#text.charCodeAt(at);
      if (code === QUOTE) break;
      // Behind the end there is no code at all, which is no more than any.
      if (!(code >= BLANK_CODE)) throw this.#badString();
      if (code === BACKSLASH) escaped = true;
      at += code === BACKSLASH ? 2 : 1;
    }
    const literal = this.#text.slice(this.#at, at + 1);
    const text = escaped ? this.#unescaped(literal) : literal.slice(1, -1);
    this.#at = at + 1;
    return text;
  }

  #unescaped(literal: string): string {
    try {
      return JSON.parse(literal) as string;
    } catch {
      throw this.#badString();
    }
  }

  /** Finds out why a string literal does not match: cut off, or a character that may not be. */
  #badString(): JsonDecodeError {
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const char = this.#text[at] as string;
      if (char < ' ') {
        this.#at = at;
        return this.#unexpected('in string literal');
      }
      if (char !== '\\') continue;
      const escaped = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(this.#text.slice(at, at + 6));
      if (escaped === null) {
        this.#at = Math.min(at + 1, this.#text.length);
        return this.#unexpected('in string escape code');
      }
      at += escaped[0].length - 1;
    }
    return new JsonDecodeError('unexpected EOF');
  }

  #number(): JsonNumber {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text)?.[0];
    if (found === undefined) throw this.#unexpected('looking for beginning of value');
    this.#at += found.length;
    return new JsonNumber(found);
  }

  #word<T>(word: string, value: T): T {
    const end = this.#at + word.length;
    if (this.#text.startsWith(word, this.#at)) {
      this.#at = end;
      return value;
    }
    if (word.startsWith(this.#text.slice(this.#at))) throw this.#cut();
    throw this.#unexpected(`in literal ${word}`);
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #skipBlanks(): void {
    BLANK.lastIndex = this.#at;
    BLANK.exec(this.#text);
    this.#at = BLANK.lastIndex;
  }

  #cut(): JsonDecodeError {
    return new JsonDecodeError('unexpected EOF');
  }

  #unexpected(where: string): JsonDecodeError {
    const char = this.#text[this.#at];
    if (char === undefined) return this.#cut();
    return new JsonDecodeError(`invalid character '${char}' ${where}`);
  }
}
