/**
 * Regular expressions of other members, in the common part of RE2's syntax, matched in time linear
 * in text and expression: what a stranger sends must not be able to stop this process, which a
 * backtracking engine would allow. Unanchored, as Go's MatchString.
 *
 * Known: literals, `.`, classes with ranges, negation, `\d \w \s \D \W \S`, `[[:alpha:]]` names,
 * `^ $ \A \z \b \B`, groups `( (?: (?P<name>`, flags `(?i) (?s) (?i:…)`, alternation, `* + ?`,
 * `{n} {n,} {n,m}`, lazy forms. Unknown syntax is refused.
 */

import {
  compileProgram,
  execute,
  executeWithGroups,
  isDigit,
  isLower,
  isUpper,
  isWord,
  type Repeat,
  type Syntax,
  type Test,
} from './pattern-program.ts';

/** Characters of an expression; longer ones are refused. */
const EXPRESSION_MAX = 1_024;
const REPEAT_MAX = 1_000;
const DEPTH_MAX = 100;

/** A compiled expression. */
export interface Pattern {
  matches(text: string): boolean;
  /**
   * The leftmost match and what its groups hold (`''` where one took no part), as Go's
   * FindStringSubmatch; `null` when there is none.
   */
  groups(text: string): readonly string[] | null;
}

/** Compiles an expression; null when it is malformed or not in the known part of the syntax. */
export function compilePattern(expression: string): Pattern | null {
  if (expression.length > EXPRESSION_MAX) return null;
  try {
    const program = compileProgram(new Parser(expression).parse());
    if (program === null) return null;
    return {
      matches: (text) => execute(program, text),
      groups: (text) => executeWithGroups(program, text),
    };
  } catch (error) {
    if (error instanceof SyntaxProblem) return null;
    throw error;
  }
}

class SyntaxProblem extends Error {
  override readonly name = 'SyntaxProblem';
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

const isSpace: Test = (code) =>
  code === 32 || code === 9 || code === 10 || code === 12 || code === 13;
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);

const CLASS_ESCAPES: Readonly<Record<string, Test>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};

const CLASS_NAMES: Readonly<Record<string, Test>> = {
  alnum: (code) => isDigit(code) || isUpper(code) || isLower(code),
  alpha: (code) => isUpper(code) || isLower(code),
  digit: isDigit,
  lower: isLower,
  upper: isUpper,
  space: (code) => isSpace(code) || code === 11,
  word: isWord,
  xdigit: (code) => isDigit(code) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102),
  punct: (code) => code > 32 && code < 127 && !isWord(code) === (code !== 95),
};

const CONTROL_ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  r: 13,
  t: 9,
  f: 12,
  v: 11,
  a: 7,
};

class Parser {
  readonly #chars: readonly string[];
  #at = 0;
  #flags: Flags = { ignoreCase: false, dotAll: false };
  #depth = 0;
  #groups = 0;

  constructor(expression: string) {
    this.#chars = [...expression];
  }

  parse(): Syntax {
    const syntax = this.#choice();
    if (this.#at < this.#chars.length) throw new SyntaxProblem('unexpected )');
    return syntax;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string {
    const char = this.#chars[this.#at];
    if (char === undefined) throw new SyntaxProblem('unexpected end');
    this.#at += 1;
    return char;
  }

  #take(text: string): boolean {
    const found = this.#chars.slice(this.#at, this.#at + text.length).join('') === text;
    if (found) this.#at += text.length;
    return found;
  }

  #choice(): Syntax {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new SyntaxProblem('nested too deeply');
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    this.#depth -= 1;
    return parts.length === 1 ? (parts[0] as Syntax) : { kind: 'choice', parts };
  }

  #sequence(): Syntax {
    const parts: Syntax[] = [];
    for (let char = this.#peek(); char !== undefined; char = this.#peek()) {
      if (char === '|' || char === ')') break;
      const part = this.#atom();
      parts.push(part === null ? { kind: 'sequence', parts: [] } : this.#repeated(part));
    }
    return { kind: 'sequence', parts };
  }

  #repeated(part: Syntax): Syntax {
    const count = this.#quantifier();
    if (count === null) return part;
    if (this.#quantifier() !== null) throw new SyntaxProblem('nested repetition');
    return { kind: 'repeat', part, ...count };
  }

  #quantifier(): Repeat | null {
    const count = this.#bareQuantifier();
    return count === null ? null : { ...count, lazy: this.#take('?') };
  }

  #bareQuantifier(): Omit<Repeat, 'lazy'> | null {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#take('?')) return { min: 0, max: 1 };
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(this.#chars.slice(this.#at, this.#at + 12).join(''));
    if (counted === null) return null;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const unbounded = counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3]);
    const max = counted[2] === undefined ? min : unbounded;
    const finite = max === Number.POSITIVE_INFINITY ? min : max;
    if (min > max || finite > REPEAT_MAX) throw new SyntaxProblem('bad repetition');
    return { min, max };
  }

  /** One atom; null for a group that only sets flags. */
  #atom(): Syntax | null {
    const char = this.#next();
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'char', test: this.#class() };
      case '\\':
        return this.#escape();
      case '^':
        return { kind: 'assert', what: 'start' };
      case '$':
        return { kind: 'assert', what: 'end' };
      case '.': {
        const { dotAll } = this.#flags;
        return { kind: 'char', test: (code) => dotAll || code !== 10 };
      }
      case '*':
      case '+':
      case '?':
        throw new SyntaxProblem('nothing to repeat');
      default:
        return { kind: 'char', test: this.#literal(char.codePointAt(0) as number) };
    }
  }

  #literal(code: number): Test {
    if (!this.#flags.ignoreCase) return (other) => other === code;
    const text = String.fromCodePoint(code);
    const lower = text.toLowerCase().codePointAt(0);
    const upper = text.toUpperCase().codePointAt(0);
    return (other) => other === code || other === lower || other === upper;
  }

  #group(): Syntax | null {
    const outer = this.#flags;
    let group = 0;
    if (this.#take('?')) {
      const named = /^P?<\w+>/.exec(this.#chars.slice(this.#at, this.#at + 64).join(''));
      if (!named && !this.#groupFlags()) return null;
      if (named) {
        this.#at += named[0].length;
        this.#groups += 1;
        group = this.#groups;
      }
    } else {
      this.#groups += 1;
      group = this.#groups;
    }
    const inner = this.#choice();
    if (!this.#take(')')) throw new SyntaxProblem('missing )');
    this.#flags = outer;
    return group === 0 ? inner : { kind: 'group', group, part: inner };
  }

  /** Flags of a group; false when the group is over with them. */
  #groupFlags(): boolean {
    let sign = true;
    for (;;) {
      const char = this.#next();
      if (char === ':') return true;
      if (char === ')') return false;
      if (char === '-') sign = false;
      else if (char === 'i') this.#flags = { ...this.#flags, ignoreCase: sign };
      else if (char === 's') this.#flags = { ...this.#flags, dotAll: sign };
      else throw new SyntaxProblem(`unknown flag ${char}`);
    }
  }

  #escape(): Syntax {
    const char = this.#next();
    const known = CLASS_ESCAPES[char];
    if (known) return { kind: 'char', test: known };
    if (char === 'A') return { kind: 'assert', what: 'start' };
    if (char === 'z') return { kind: 'assert', what: 'end' };
    if (char === 'b') return { kind: 'assert', what: 'word' };
    if (char === 'B') return { kind: 'assert', what: 'no-word' };
    return { kind: 'char', test: this.#literal(this.#escapedCode(char)) };
  }

  #escapedCode(char: string): number {
    const control = CONTROL_ESCAPES[char];
    if (control !== undefined) return control;
    if (char === 'x') {
      const digits = `${this.#next()}${this.#next()}`;
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw new SyntaxProblem('bad \\x');
      return Number.parseInt(digits, 16);
    }
    const code = char.codePointAt(0) as number;
    if (isWord(code)) throw new SyntaxProblem(`unknown escape \\${char}`);
    return code;
  }

  #class(): Test {
    const negated = this.#take('^');
    const tests: Test[] = [];
    for (let first = true; ; first = false) {
      if (this.#peek() === ']' && !first) {
        this.#at += 1;
        break;
      }
      tests.push(this.#classItem());
    }
    const any: Test = (code) => tests.some((test) => test(code));
    return negated ? not(any) : any;
  }

  #classItem(): Test {
    const named = /^\[:(\^?)(\w+):\]/.exec(this.#chars.slice(this.#at, this.#at + 16).join(''));
    if (named) {
      const test = CLASS_NAMES[named[2] ?? ''];
      if (test === undefined) throw new SyntaxProblem('unknown class name');
      this.#at += named[0].length;
      return named[1] === '' ? test : not(test);
    }
    const low = this.#classChar();
    if (typeof low === 'function') return low;
    const isRange = this.#peek() === '-' && this.#chars[this.#at + 1] !== ']';
    if (!isRange) return this.#literal(low);
    this.#at += 1;
    const high = this.#classChar();
    if (typeof high === 'function' || high < low) throw new SyntaxProblem('bad range');
    return this.#range(low, high);
  }

  #range(low: number, high: number): Test {
    const within: Test = (code) => code >= low && code <= high;
    if (!this.#flags.ignoreCase) return within;
    return (code) => {
      if (within(code)) return true;
      const text = String.fromCodePoint(code);
      const lower = text.toLowerCase().codePointAt(0) as number;
      return within(lower) || within(text.toUpperCase().codePointAt(0) as number);
    };
  }

  #classChar(): number | Test {
    const char = this.#next();
    if (char !== '\\') return char.codePointAt(0) as number;
    const escaped = this.#next();
    return CLASS_ESCAPES[escaped] ?? this.#escapedCode(escaped);
  }
}
