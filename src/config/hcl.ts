/**
 * HCL version 1, as agent configurations and ACL rules are written: `key = value`, blocks with
 * labels, lists, heredocs, three kinds of comments. A block that stands once becomes an object, one
 * that stands several times a list of objects, so that HCL and JSON read alike.
 */

export type HclObject = Readonly<Record<string, unknown>>;

/** Where and why a text is not HCL: `At 3:7: expected a value`. */
export class HclError extends Error {
  override readonly name = 'HclError';
  readonly line: number;
  readonly column: number;

  constructor(reason: string, line: number, column: number) {
    super(`At ${line}:${column}: ${reason}`);
    this.line = line;
    this.column = column;
  }
}

/** Objects and lists inside each other at most. */
export const HCL_DEPTH_MAX = 64;

/** Throws an `HclError`. */
export function parseHcl(text: string): HclObject {
  return new Parser(text).file();
}

const IDENTIFIER = /[\p{L}_][\p{L}\p{N}_.-]*/uy;
const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const BLANK = /\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const HEREDOC = /<<(-?)([\p{L}\p{N}_]+)\r?\n/uy;

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  file(): HclObject {
    const object = this.#items(undefined);
    if (this.#at < this.#text.length) throw this.#error('expected a key');
    return object;
  }

  /** Items up to `close`, which is left standing, or to the end. */
  #items(close: '}' | undefined): HclObject {
    const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (;;) {
      this.#skip();
      if (this.#at >= this.#text.length || this.#text[this.#at] === close) return { ...object };
      this.#item(object);
      this.#skip();
      if (this.#text[this.#at] === ',') this.#at += 1;
    }
  }

  #item(object: Record<string, unknown>): void {
    const name = this.#key();
    const labels: string[] = [];
    for (;;) {
      this.#skip();
      const next = this.#text[this.#at];
      if (next === '=' || next === ':') {
        if (labels.length > 0) throw this.#error('a block with labels takes no value');
        this.#at += 1;
        const value = this.#value();
        if (isObject(value)) addBlock(object, name, value);
        else object[name] = value;
        return;
      }
      if (next === '{') {
        const body = this.#object();
        const nested = labels.reduceRight<HclObject>((inner, label) => ({ [label]: inner }), body);
        addBlock(object, name, nested);
        return;
      }
      labels.push(this.#key());
    }
  }

  #key(): string {
    if (this.#text[this.#at] === '"') return this.#string();
    const word = this.#match(IDENTIFIER);
    if (word === undefined) throw this.#error('expected a key, "=" or "{"');
    return word;
  }

  #value(): unknown {
    this.#skip();
    const next = this.#text[this.#at];
    if (next === '"') return this.#string();
    if (next === '{') return this.#object();
    if (next === '[') return this.#list();
    if (next === '<') return this.#heredoc();
    const number = this.#match(NUMBER);
    if (number !== undefined) return Number(number);
    const start = this.#at;
    const word = this.#match(IDENTIFIER);
    if (word === 'true' || word === 'false') return word === 'true';
    this.#at = start;
    throw this.#error('expected a value');
  }

  #object(): HclObject {
    this.#enter();
    this.#at += 1;
    const object = this.#items('}');
    if (this.#text[this.#at] !== '}') throw this.#error('object expected closing "}"');
    this.#at += 1;
    this.#depth -= 1;
    return object;
  }

  #list(): readonly unknown[] {
    this.#enter();
    this.#at += 1;
    const items: unknown[] = [];
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === ']') break;
      items.push(this.#value());
      this.#skip();
      if (this.#text[this.#at] === ',') this.#at += 1;
      else if (this.#text[this.#at] !== ']') throw this.#error('list expected "," or "]"');
    }
    this.#at += 1;
    this.#depth -= 1;
    return items;
  }

  #string(): string {
    const start = this.#at;
    let text = '';
    let braces = 0;
    for (this.#at += 1; ; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === undefined || (char === '\n' && braces === 0)) {
        this.#at = start;
        throw this.#error('literal not terminated');
      }
      if (braces === 0 && char === '"') break;
      if (braces === 0 && char === '\\') text += this.#escape();
      else {
        // `${…}` is kept as it is; quotes inside of it do not end the string.
        if (char === '$' && this.#text[this.#at + 1] === '{') braces += 1;
        else if (char === '}' && braces > 0) braces -= 1;
        text += char;
      }
    }
    this.#at += 1;
    return text;
  }

  /** Called at the backslash, leaves at the last character of the escape. */
  #escape(): string {
    this.#at += 1;
    const char = this.#text[this.#at] ?? '';
    const plain = ESCAPES[char];
    if (plain !== undefined) return plain;
    const digits = { x: 2, u: 4, U: 8 }[char];
    const hex = digits && this.#text.slice(this.#at + 1, this.#at + 1 + digits);
    if (!digits || !hex || hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex)) {
      throw this.#error('illegal char escape');
    }
    const code = Number.parseInt(hex, 16);
    if (code > 0x10ffff) throw this.#error('illegal char escape');
    this.#at += digits;
    return String.fromCodePoint(code);
  }

  #heredoc(): string {
    const start = this.#at;
    HEREDOC.lastIndex = this.#at;
    const head = HEREDOC.exec(this.#text);
    if (head === null) throw this.#error('expected a heredoc');
    const lines: string[] = [];
    let at = HEREDOC.lastIndex;
    for (;;) {
      const end = this.#text.indexOf('\n', at);
      const line = this.#text.slice(at, end < 0 ? undefined : end).replace(/\r$/, '');
      if (line.trim() === head[2]) {
        this.#at = end < 0 ? this.#text.length : end;
        break;
      }
      if (end < 0) {
        this.#at = start;
        throw this.#error('heredoc not terminated');
      }
      lines.push(line);
      at = end + 1;
    }
    return (head[1] === '-' ? unindented(lines) : lines).map((line) => `${line}\n`).join('');
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > HCL_DEPTH_MAX) throw this.#error('nested too deeply');
  }

  /** One after the other: an expression that repeats them runs out of stack in long texts. */
  #skip(): void {
    let found = this.#match(BLANK);
    while (found !== undefined) found = this.#match(BLANK);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #error(reason: string): HclError {
    const before = this.#text.slice(0, this.#at).split('\n');
    return new HclError(reason, before.length, (before[before.length - 1] ?? '').length + 1);
  }
}

function addBlock(object: Record<string, unknown>, name: string, block: HclObject): void {
  const before = object[name];
  if (Array.isArray(before)) object[name] = [...before, block];
  else if (isObject(before)) object[name] = [before, block];
  else object[name] = block;
}

function unindented(lines: readonly string[]): readonly string[] {
  const indents = lines
    .filter((line) => line.trim() !== '')
    .map((line) => line.length - line.trimStart().length);
  const indent = indents.length === 0 ? 0 : Math.min(...indents);
  return lines.map((line) => line.slice(indent));
}

function isObject(value: unknown): value is HclObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
