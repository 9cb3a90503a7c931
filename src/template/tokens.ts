/**
 * Tokens of interpolated texts: plain text, `${`, what stands inside, `}`. A `"` inside begins a text
 * that may be interpolated again. Source: hashicorp/hil, as Consul 1.9 uses it.
 */

/** Where a token begins: both count from 1, columns in characters. */
export interface Position {
  readonly column: number;
  readonly line: number;
}

export type TokenKind =
  | 'literal'
  | 'string'
  | 'integer'
  | 'float'
  | 'bool'
  | 'identifier'
  | 'begin'
  | 'end'
  | 'open quote'
  | 'close quote'
  | 'symbol'
  | 'invalid'
  | 'end of text';

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the text, escapes included. */
  readonly content: string;
  readonly position: Position;
}

const SYMBOL = /^(?:[!<>=]=|&&|\|\||[()[\],.+\-*/%?:!<>])/;
const NUMBER = /^\d+(?:\.\d+)?/;
const IDENTIFIER = /^[\p{L}_](?:[\p{N}\p{L}\p{M}_-]|\.(?:\*(?=\.))?)*/u;

/** Cuts a text; the last token is `invalid` or `end of text`. */
export function tokensOf(text: string): readonly Token[] {
  return new Scanner(text).all();
}

class Scanner {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #column = 1;
  #line = 1;
  /** How many `${` are open. */
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): readonly Token[] {
    while (this.#plain() && this.#interpolation());
    return this.#tokens;
  }

  /** Text up to `${`, a closing quote or the end; false when nothing follows. */
  #plain(): boolean {
    const quoted = this.#nesting > 0;
    const length = this.#plainLength(quoted);
    if (quoted && this.#at + length >= this.#text.length) {
      return this.#last('invalid', this.#text.length - this.#at);
    }
    if (length > 0) this.#take(quoted ? 'string' : 'literal', length);
    const rest = this.#text.slice(this.#at, this.#at + 2);
    if (rest === '') return this.#last('end of text', 0);
    if (rest === '${') {
      this.#take('begin', 2);
      this.#nesting += 1;
    } else {
      this.#take('close quote', 1);
    }
    return true;
  }

  #plainLength(quoted: boolean): number {
    let at = this.#at;
    while (at < this.#text.length) {
      const pair = this.#text.slice(at, at + 2);
      if (pair === '${' || (quoted && pair.startsWith('"'))) break;
      const escaped = pair === '$$' || (quoted && (pair === '\\"' || pair === '\\\\'));
      at += escaped ? 2 : 1;
    }
    return at - this.#at;
  }

  /** Inside of `${ }`, up to its end or a quote; false when nothing follows. */
  #interpolation(): boolean {
    for (;;) {
      this.#skipBlanks();
      const rest = this.#text.slice(this.#at);
      if (rest === '') return this.#last('end of text', 0);
      if (rest.startsWith('}')) {
        this.#take('end', 1);
        this.#nesting = Math.max(this.#nesting - 1, 0);
        return true;
      }
      if (rest.startsWith('"')) {
        this.#take('open quote', 1);
        return true;
      }
      if (!this.#inner(rest)) return this.#last('invalid', [...rest][0]?.length ?? 1);
    }
  }

  #inner(rest: string): boolean {
    const symbol = SYMBOL.exec(rest)?.[0];
    if (symbol !== undefined) return this.#take('symbol', symbol.length);
    const number = NUMBER.exec(rest)?.[0];
    if (number !== undefined) {
      return this.#take(number.includes('.') ? 'float' : 'integer', number.length);
    }
    const name = IDENTIFIER.exec(rest)?.[0];
    if (name === undefined) return false;
    return this.#take(name === 'true' || name === 'false' ? 'bool' : 'identifier', name.length);
  }

  #skipBlanks(): void {
    while (/^[ \t\r\n]/.test(this.#text.charAt(this.#at))) this.#advance(1);
  }

  #take(kind: TokenKind, length: number): true {
    const content = this.#text.slice(this.#at, this.#at + length);
    this.#tokens.push({ kind, content, position: { column: this.#column, line: this.#line } });
    this.#advance(length);
    return true;
  }

  #last(kind: TokenKind, length: number): false {
    this.#take(kind, length);
    return false;
  }

  #advance(length: number): void {
    for (const char of this.#text.slice(this.#at, this.#at + length)) {
      if (char === '\n') {
        this.#column = 1;
        this.#line += 1;
      } else {
        this.#column += 1;
      }
    }
    this.#at += length;
  }
}
