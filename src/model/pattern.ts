/**
 * Regular expressions of other members, in the common part of RE2's syntax, matched in time linear
 * in text and expression: what a stranger sends must not be able to stop this process, which a
 * backtracking engine would allow. Unanchored, as Go's MatchString.
 *
 * Known: literals, `.`, classes with ranges, negation, `\d \w \s \D \W \S`, `[[:alpha:]]` names,
 * `^ $ \A \z \b \B`, groups `( (?: (?P<name>`, flags `(?i) (?s) (?i:…)`, alternation, `* + ?`,
 * `{n} {n,} {n,m}`, lazy forms. Unknown syntax is refused.
 */

/** Characters of an expression; longer ones are refused. */
const EXPRESSION_MAX = 1_024;
/** Instructions of a program; counted repetitions can multiply. */
const PROGRAM_MAX = 20_000;
const REPEAT_MAX = 1_000;
const DEPTH_MAX = 100;

type Test = (code: number) => boolean;
type Assertion = 'start' | 'end' | 'word' | 'no-word';

type Syntax =
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Syntax[] }
  | { readonly kind: 'repeat'; readonly part: Syntax; readonly min: number; readonly max: number };

type Instruction =
  | { readonly op: 'char'; readonly test: Test }
  | { readonly op: 'assert'; readonly what: Assertion }
  | { readonly op: 'split'; a: number; b: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'match' };

/** A compiled expression. */
export interface Pattern {
  matches(text: string): boolean;
}

/** Compiles an expression; null when it is malformed or not in the known part of the syntax. */
export function compilePattern(expression: string): Pattern | null {
  if (expression.length > EXPRESSION_MAX) return null;
  try {
    const program: Instruction[] = [];
    emit(program, new Parser(expression).parse());
    program.push({ op: 'match' });
    return { matches: (text) => execute(program, text) };
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

const isDigit: Test = (code) => code >= 48 && code <= 57;
const isUpper: Test = (code) => code >= 65 && code <= 90;
const isLower: Test = (code) => code >= 97 && code <= 122;
const isWord: Test = (code) => isDigit(code) || isUpper(code) || isLower(code) || code === 95;
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

  #quantifier(): { readonly min: number; readonly max: number } | null {
    const count = this.#bareQuantifier();
    if (count !== null) this.#take('?'); // laziness does not matter for whether it matches
    return count;
  }

  #bareQuantifier(): { readonly min: number; readonly max: number } | null {
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
    if (this.#take('?')) {
      const named = /^P?<\w+>/.exec(this.#chars.slice(this.#at, this.#at + 64).join(''));
      if (named) this.#at += named[0].length;
      else if (!this.#groupFlags()) return null;
    }
    const inner = this.#choice();
    if (!this.#take(')')) throw new SyntaxProblem('missing )');
    this.#flags = outer;
    return inner;
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

function emit(program: Instruction[], syntax: Syntax): void {
  if (program.length > PROGRAM_MAX) throw new SyntaxProblem('too big');
  switch (syntax.kind) {
    case 'char':
      program.push({ op: 'char', test: syntax.test });
      return;
    case 'assert':
      program.push({ op: 'assert', what: syntax.what });
      return;
    case 'sequence':
      for (const part of syntax.parts) emit(program, part);
      return;
    case 'choice':
      emitChoice(program, syntax.parts);
      return;
    case 'repeat':
      emitRepeat(program, syntax);
  }
}

function emitChoice(program: Instruction[], parts: readonly Syntax[]): void {
  const jumps: { op: 'jump'; to: number }[] = [];
  parts.forEach((part, index) => {
    const last = index === parts.length - 1;
    const split = { op: 'split' as const, a: program.length + 1, b: 0 };
    if (!last) program.push(split);
    emit(program, part);
    if (last) return;
    const jump = { op: 'jump' as const, to: 0 };
    program.push(jump);
    jumps.push(jump);
    split.b = program.length;
  });
  for (const jump of jumps) jump.to = program.length;
}

function emitRepeat(program: Instruction[], syntax: Extract<Syntax, { kind: 'repeat' }>): void {
  const { part, min, max } = syntax;
  for (let count = 0; count < min; count++) {
    const before = program.length;
    emit(program, part);
    if (program.length === before) return; // nothing, however often
  }
  if (max === Number.POSITIVE_INFINITY) {
    const start = program.length;
    const split = { op: 'split' as const, a: start + 1, b: 0 };
    program.push(split);
    emit(program, part);
    program.push({ op: 'jump', to: start });
    split.b = program.length;
    return;
  }
  const splits: { op: 'split'; a: number; b: number }[] = [];
  for (let count = min; count < max; count++) {
    const split = { op: 'split' as const, a: program.length + 1, b: 0 };
    program.push(split);
    splits.push(split);
    emit(program, part);
  }
  for (const split of splits) split.b = program.length;
}

/** Runs all threads of the program side by side; each instruction is visited once a position. */
function execute(program: readonly Instruction[], text: string): boolean {
  const codes = [...text].map((char) => char.codePointAt(0) as number);
  const visited = new Int32Array(program.length).fill(-1);
  let current: number[] = [];
  for (let at = 0; at <= codes.length; at++) {
    const ready: number[] = [];
    if (follow(program, [...current, 0], at, codes, visited, ready)) return true;
    const code = codes[at];
    if (code === undefined) return false;
    current = [];
    for (const pc of ready) {
      const instruction = program[pc];
      if (instruction?.op === 'char' && instruction.test(code)) current.push(pc + 1);
    }
  }
  return false;
}

/** Follows everything that consumes nothing; true when a match is reached. */
function follow(
  program: readonly Instruction[],
  starts: readonly number[],
  at: number,
  codes: readonly number[],
  visited: Int32Array,
  ready: number[],
): boolean {
  const stack = [...starts];
  for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
    if (visited[pc] === at) continue;
    visited[pc] = at;
    const instruction = program[pc] as Instruction;
    if (instruction.op === 'match') return true;
    if (instruction.op === 'char') ready.push(pc);
    else if (instruction.op === 'jump') stack.push(instruction.to);
    else if (instruction.op === 'split') stack.push(instruction.b, instruction.a);
    else if (holds(instruction.what, at, codes)) stack.push(pc + 1);
  }
  return false;
}

function holds(what: Assertion, at: number, codes: readonly number[]): boolean {
  if (what === 'start') return at === 0;
  if (what === 'end') return at === codes.length;
  const boundary = isWord(codes[at - 1] ?? 0) !== isWord(codes[at] ?? 0);
  return boundary === (what === 'word');
}
