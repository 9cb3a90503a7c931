/** From an interpolated text to the tree that is evaluated. */

import { type Position, type Token, type TokenKind, tokensOf } from './tokens.ts';
import { TemplateError, type Value } from './values.ts';

export type Operator =
  | '||'
  | '&&'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

export type Tree = { readonly position: Position } & (
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'index'; readonly name: string; readonly key: Tree }
  | { readonly kind: 'call'; readonly name: string; readonly parts: readonly Tree[] }
  | { readonly kind: 'operation'; readonly operator: Operator; readonly parts: readonly Tree[] }
  | { readonly kind: 'choice'; readonly parts: readonly Tree[] }
  | { readonly kind: 'text'; readonly parts: readonly Tree[] }
);

/** Deeper texts are refused: parsing is recursive. */
const DEPTH_MAX = 100;

/** Weakest first; those of one line bind alike, from left to right. */
const PRECEDENCE: readonly (readonly Operator[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['>', '>=', '<', '<='],
  ['+', '-'],
  ['*', '/', '%'],
];

/** Throws a TemplateError. */
export function parseTemplate(text: string): Tree {
  return new Parser(tokensOf(text)).text('outside');
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Plain text and expressions by turns: the whole template, or a quoted text inside of one. */
  text(where: 'outside' | 'quoted'): Tree {
    const { position } = this.#peek();
    if (where === 'quoted') this.#read();
    const end: TokenKind = where === 'quoted' ? 'close quote' : 'end of text';
    const parts: Tree[] = [];
    for (let token = this.#read(); token.kind !== end; token = this.#read()) {
      if (token.kind === 'literal' || token.kind === 'string') parts.push(plainText(token));
      else if (token.kind === 'begin') parts.push(this.#interpolation());
      else throw unexpected('"${"', token);
    }
    if (parts.length === 0) return literal(position, { type: 'string', value: '' });
    const [only] = parts;
    if (only?.kind === 'literal' && only.value.type === 'string' && parts.length === 1) return only;
    return { kind: 'text', position, parts };
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? (this.#tokens.at(-1) as Token);
  }

  #read(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #takes(symbol: string): boolean {
    const { kind, content } = this.#peek();
    if (kind !== 'symbol' || content !== symbol) return false;
    this.#at += 1;
    return true;
  }

  #require(symbol: string): void {
    const token = this.#read();
    if (token.kind !== 'symbol' || token.content !== symbol) throw unexpected(`"${symbol}"`, token);
  }

  #interpolation(): Tree {
    const tree = this.#expression();
    const token = this.#read();
    if (token.kind !== 'end') throw unexpected('"}"', token);
    return tree;
  }

  #expression(): Tree {
    const { position } = this.#peek();
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw problem(position, 'nested too deeply');
    const condition = this.#operation(0);
    let tree = condition;
    if (this.#takes('?')) {
      const yes = this.#expression();
      const colon = this.#read();
      if (colon.content !== ':') throw unexpected(':', colon);
      tree = { kind: 'choice', position, parts: [condition, yes, this.#expression()] };
    }
    this.#depth -= 1;
    return tree;
  }

  #operation(level: number): Tree {
    const operators = PRECEDENCE[level];
    if (operators === undefined) return this.#term();
    const { position } = this.#peek();
    let tree = this.#operation(level + 1);
    for (;;) {
      const operator = operators.find((one) => this.#takes(one));
      if (operator === undefined) return tree;
      tree = { kind: 'operation', position, operator, parts: [tree, this.#operation(level + 1)] };
    }
  }

  #term(): Tree {
    const token = this.#peek();
    const { position, content } = token;
    switch (token.kind) {
      case 'open quote':
        return this.text('quoted');
      case 'integer':
        this.#read();
        return literal(position, { type: 'int', value: wholeNumber(token) });
      case 'float':
        this.#read();
        return literal(position, { type: 'float', value: Number(content) });
      case 'bool':
        this.#read();
        return literal(position, { type: 'bool', value: content === 'true' });
      case 'identifier':
        return this.#named(this.#read());
      case 'symbol':
        return this.#prefixed(token);
      default:
        throw unexpected('expression', token);
    }
  }

  /** Parentheses, and signs: `-x` is `0 - x`, `!x` is `false == x`. */
  #prefixed(token: Token): Tree {
    const { position } = token;
    if (this.#takes('(')) {
      const inner = this.#expression();
      this.#require(')');
      return inner;
    }
    const minus = this.#takes('-');
    if (!minus && !this.#takes('!')) throw unexpected('expression', token);
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw problem(position, 'nested too deeply');
    const operand = this.#term();
    this.#depth -= 1;
    const first = literal(position, minus ? { type: 'int', value: 0n } : FALSE);
    const operator = minus ? '-' : '==';
    return { kind: 'operation', position, operator, parts: [first, operand] };
  }

  #named({ content: name, position }: Token): Tree {
    if (this.#takes('(')) {
      return { kind: 'call', position, name, parts: this.#arguments() };
    }
    const bracket = this.#peek();
    if (!this.#takes('[')) return { kind: 'variable', position, name };
    const key = this.#expression();
    this.#require(']');
    return { kind: 'index', position: bracket.position, name, key };
  }

  #arguments(): readonly Tree[] {
    const parts: Tree[] = [];
    while (this.#peek().content !== ')') {
      parts.push(this.#expression());
      if (!this.#takes(',')) break;
    }
    this.#require(')');
    return parts;
  }
}

const FALSE: Value = { type: 'bool', value: false };

function literal(position: Position, value: Value): Tree {
  return { kind: 'literal', position, value };
}

const INT_MAX = 2n ** 63n - 1n;

function wholeNumber({ content, position }: Token): bigint {
  const digits = content.replace(/^0+(?=\d)/, '');
  if (digits.length <= 19 && BigInt(digits) <= INT_MAX) return BigInt(digits);
  const cause = `strconv.Atoi: parsing "${content}": value out of range`;
  throw problem(position, `invalid integer: ${cause}`);
}

/** `$$` stands for `$`; quoted texts know `\\`, `\"` and `\n` besides. */
function plainText({ kind, content, position }: Token): Tree {
  let value = '';
  for (let at = 0; at < content.length; at++) {
    const char = content.charAt(at);
    const next = content.charAt(at + 1);
    if (char === '$' && next === '$') at += 1;
    if (kind !== 'string' || char !== '\\') {
      value += char;
      continue;
    }
    const escaped = ESCAPES[next];
    if (escaped === undefined) {
      const where = { ...position, column: position.column + [...content.slice(0, at)].length };
      const what = next === '' ? 'unfinished' : 'invalid';
      throw problem(where, `${what} backslash escape sequence`);
    }
    value += escaped;
    at += 1;
  }
  return literal(position, { type: 'string', value });
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', n: '\n' };

function unexpected(wanted: string, token: Token): TemplateError {
  return problem(token.position, `expected ${wanted} but found ${described(token)}`);
}

function described({ kind, content }: Token): string {
  switch (kind) {
    case 'end of text':
      return 'end of string';
    case 'invalid':
      return `invalid sequence ${JSON.stringify(content)}`;
    case 'integer':
    case 'float':
      return `${kind} ${content}`;
    case 'string':
    case 'literal':
      return `${kind} ${JSON.stringify(content)}`;
    case 'open quote':
      return 'opening quote';
    case 'close quote':
      return 'closing quote';
    default:
      return BARE_SYMBOLS.has(content) ? content : JSON.stringify(content);
  }
}

const BARE_SYMBOLS: ReadonlySet<string> = new Set(['&&', '||', '!=', '>=', '<=']);

function problem({ line, column }: Position, text: string): TemplateError {
  return new TemplateError(`parse error at ${line}:${column}: ${text}`);
}
