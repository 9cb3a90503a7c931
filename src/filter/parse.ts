/**
 * Filter expressions as go-bexpr reads them: `Service == web and "v1" in Tags`. Words are lower
 * case only; blanks are needed around word operators, not around `==` and `!=`; `and` binds tighter
 * than `or`.
 */

export type MatchOperator =
  | 'Equal'
  | 'Not Equal'
  | 'In'
  | 'Not In'
  | 'Is Empty'
  | 'Is Not Empty'
  | 'Matches'
  | 'Not Matches';

export type FilterTree =
  | { readonly kind: 'and' | 'or'; readonly left: FilterTree; readonly right: FilterTree }
  | { readonly kind: 'not'; readonly of: FilterTree }
  | {
      readonly kind: 'match';
      readonly selector: readonly string[];
      readonly operator: MatchOperator;
      /** Absent for `is empty` and `is not empty`. */
      readonly value: string;
    };

/** An expression that cannot be used; the message is what a client sees after Consul's prefix. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

/** Longer expressions are refused. */
const EXPRESSION_LENGTH_MAX = 8192;
const NESTING_MAX = 128;

const IDENTIFIER = /[A-Za-z][A-Za-z0-9_]*/y;
const BLANKS = /[ \t\r\n]+/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![A-Za-z0-9_.])/y;
const QUOTED = /"(?:[^"\\\n]|\\[^\n])*"/y;
const BACK_QUOTED = /`[^`]*`/y;

/** Throws a FilterError. */
export function parseFilter(text: string): FilterTree {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    throw new FilterError(`expression is longer than ${EXPRESSION_LENGTH_MAX} characters`);
  }
  return new FilterParser(text).whole();
}

/** A word that may stand on either side of an operator. */
interface Operand {
  readonly text: string;
  /** Set when the operand has the form of a selector. */
  readonly selector: readonly string[] | null;
}

class FilterParser {
  readonly #text: string;
  #at = 0;
  #farthest = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): FilterTree {
    this.#blanks();
    const tree = this.#or(0);
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#noMatch();
    return tree;
  }

  #or(depth: number): FilterTree {
    if (depth > NESTING_MAX) throw new FilterError('expression is nested too deeply');
    const left = this.#and(depth);
    if (!this.#spacedWord('or')) return left;
    return { kind: 'or', left, right: this.#or(depth + 1) };
  }

  #and(depth: number): FilterTree {
    const left = this.#not(depth);
    if (!this.#spacedWord('and')) return left;
    return { kind: 'and', left, right: this.#and(depth + 1) };
  }

  #not(depth: number): FilterTree {
    if (depth > NESTING_MAX) throw new FilterError('expression is nested too deeply');
    const start = this.#at;
    if (this.#word('not') && this.#blanks()) {
      return { kind: 'not', of: this.#not(depth + 1) };
    }
    this.#at = start;
    return this.#parenthesized(depth);
  }

  #parenthesized(depth: number): FilterTree {
    if (!this.#symbol('(')) return this.#match();
    this.#blanks();
    const inner = this.#or(depth + 1);
    this.#blanks();
    if (!this.#symbol(')')) throw this.#noMatch();
    return inner;
  }

  #match(): FilterTree {
    const first = this.#operand();
    const operator = this.#operator();
    if (operator === 'value in selector' || operator === 'value not in selector') {
      const selector = this.#operand().selector;
      if (selector === null) throw this.#noMatch();
      const name = operator === 'value in selector' ? 'In' : 'Not In';
      return { kind: 'match', selector, operator: name, value: first.text };
    }
    if (first.selector === null) throw this.#noMatch();
    if (operator === 'Is Empty' || operator === 'Is Not Empty') {
      return { kind: 'match', selector: first.selector, operator, value: '' };
    }
    const value = this.#operand().text;
    return { kind: 'match', selector: first.selector, operator, value };
  }

  /** Reads an operator with the blanks around it. */
  #operator(): MatchOperator | 'value in selector' | 'value not in selector' {
    const spaced = this.#blanks();
    if (this.#symbol('==')) return this.#followed('Equal');
    if (this.#symbol('!=')) return this.#followed('Not Equal');
    if (!spaced) throw this.#noMatch();
    if (this.#word('is')) return this.#emptiness();
    const negated = this.#word('not');
    if (negated && !this.#blanks()) throw this.#noMatch();
    if (this.#word('in'))
      return this.#spaced(negated ? 'value not in selector' : 'value in selector');
    if (this.#word('contains')) return this.#spaced(negated ? 'Not In' : 'In');
    if (this.#word('matches')) return this.#spaced(negated ? 'Not Matches' : 'Matches');
    throw this.#noMatch(negated ? EXPECTED_ANYWHERE : EXPECTED_OPERATOR);
  }

  #emptiness(): MatchOperator {
    if (!this.#blanks()) throw this.#noMatch();
    const negated = this.#word('not');
    if (negated && !this.#blanks()) throw this.#noMatch();
    if (!this.#word('empty')) throw this.#noMatch();
    return negated ? 'Is Not Empty' : 'Is Empty';
  }

  #followed<T>(operator: T): T {
    this.#blanks();
    return operator;
  }

  #spaced<T>(operator: T): T {
    if (!this.#blanks()) throw this.#noMatch();
    return operator;
  }

  #operand(): Operand {
    const number = this.#scan(NUMBER);
    if (number !== null) return { text: number, selector: null };
    const quoted = this.#scan(QUOTED);
    if (quoted !== null) return { text: unquote(quoted), selector: null };
    const raw = this.#scan(BACK_QUOTED);
    if (raw !== null) return { text: raw.slice(1, -1), selector: null };
    return this.#selector();
  }

  #selector(): Operand {
    const start = this.#at;
    const first = this.#scan(IDENTIFIER);
    if (first === null) throw this.#noMatch();
    const path = [first];
    for (;;) {
      const step = this.#step();
      if (step === null) break;
      path.push(step);
    }
    return { text: this.#text.slice(start, this.#at), selector: path };
  }

  /** `.name` or `["key"]`; consumes nothing when neither follows. */
  #step(): string | null {
    const start = this.#at;
    if (this.#symbol('.')) {
      const name = this.#scan(IDENTIFIER);
      if (name === null) throw this.#noMatch();
      return name;
    }
    if (!this.#symbol('[')) return null;
    this.#blanks();
    const key = this.#scan(QUOTED) ?? this.#scan(BACK_QUOTED);
    this.#blanks();
    if (key === null || !this.#symbol(']')) {
      this.#at = start;
      throw this.#noMatch();
    }
    return key.startsWith('"') ? unquote(key) : key.slice(1, -1);
  }

  #spacedWord(word: string): boolean {
    const start = this.#at;
    if (this.#blanks() && this.#word(word) && this.#blanks()) return true;
    this.#at = start;
    return false;
  }

  /** A whole word: `or` is not the beginning of `order`. */
  #word(word: string): boolean {
    this.#reach();
    IDENTIFIER.lastIndex = this.#at;
    if (IDENTIFIER.exec(this.#text)?.[0] !== word) return false;
    this.#at += word.length;
    return true;
  }

  #symbol(symbol: string): boolean {
    this.#reach();
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    return true;
  }

  #blanks(): boolean {
    return this.#scan(BLANKS) !== null;
  }

  #scan(pattern: RegExp): string | null {
    this.#reach();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #reach(): void {
    this.#farthest = Math.max(this.#farthest, this.#at);
  }

  #noMatch(expected: string = EXPECTED_ANYWHERE): FilterError {
    this.#reach();
    const before = this.#text.slice(0, this.#farthest).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    const place = `${before.length}:${column} (${this.#farthest})`;
    return new FilterError(`${place}: no match found, expected: ${expected}`);
  }
}

const EXPECTED_ANYWHERE =
  '"!=", "(", "==", "contains", "in", "is", "matches", "not", [ \\t\\r\\n], [a-zA-Z] or EOF';
const EXPECTED_OPERATOR = '"!=", "==", "contains", "in", "is", "matches", "not" or [ \\t\\r\\n]';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Reads a Go string literal in double quotes. */
function unquote(literal: string): string {
  return literal
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs,
      (_, x?: string, u?: string, long?: string, octal?: string, char?: string) => {
        if (char !== undefined) return ESCAPES[char] ?? char;
        const code =
          octal === undefined ? Number.parseInt(x ?? u ?? long ?? '', 16) : parseInt(octal, 8);
        return code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code);
      },
    );
}
