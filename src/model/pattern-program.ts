/** The program that an expression becomes, and its two ways to run: whether, and what, it matches. */

/** Instructions of a program; counted repetitions can multiply. */
const PROGRAM_MAX = 20_000;

export type Test = (code: number) => boolean;
type Assertion = 'start' | 'end' | 'word' | 'no-word';

export interface Repeat {
  readonly min: number;
  readonly max: number;
  /** As few as possible instead of as many. */
  readonly lazy: boolean;
}

export type Syntax =
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Syntax[] }
  /** Groups count from 1, as Go numbers them. */
  | { readonly kind: 'group'; readonly group: number; readonly part: Syntax }
  | ({ readonly kind: 'repeat'; readonly part: Syntax } & Repeat);

interface Split {
  readonly op: 'split';
  /** Tried first. */
  a: number;
  b: number;
}

type Instruction =
  | { readonly op: 'char'; readonly test: Test }
  | { readonly op: 'assert'; readonly what: Assertion }
  | { readonly op: 'save'; readonly slot: number }
  | Split
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'match' };

export type Program = readonly Instruction[];

export const isDigit: Test = (code) => code >= 48 && code <= 57;
export const isUpper: Test = (code) => code >= 65 && code <= 90;
export const isLower: Test = (code) => code >= 97 && code <= 122;
export const isWord: Test = (code) =>
  isDigit(code) || isUpper(code) || isLower(code) || code === 95;

/** `null` when it would be too big. */
export function compileProgram(syntax: Syntax): Program | null {
  const program: Instruction[] = [];
  if (!emit(program, { kind: 'group', group: 0, part: syntax })) return null;
  program.push({ op: 'match' });
  return program;
}

/** Adds the instructions of a part; false when the program got too big. */
function emit(program: Instruction[], syntax: Syntax): boolean {
  if (program.length > PROGRAM_MAX) return false;
  switch (syntax.kind) {
    case 'char':
      program.push({ op: 'char', test: syntax.test });
      return true;
    case 'assert':
      program.push({ op: 'assert', what: syntax.what });
      return true;
    case 'sequence':
      return syntax.parts.every((part) => emit(program, part));
    case 'choice':
      return emitChoice(program, syntax.parts);
    case 'repeat':
      return emitRepeat(program, syntax);
    case 'group': {
      program.push({ op: 'save', slot: 2 * syntax.group });
      if (!emit(program, syntax.part)) return false;
      program.push({ op: 'save', slot: 2 * syntax.group + 1 });
      return true;
    }
  }
}

function emitChoice(program: Instruction[], parts: readonly Syntax[]): boolean {
  const jumps: { op: 'jump'; to: number }[] = [];
  const emitted = parts.every((part, index) => {
    const last = index === parts.length - 1;
    const split: Split = { op: 'split', a: program.length + 1, b: 0 };
    if (!last) program.push(split);
    if (!emit(program, part)) return false;
    if (last) return true;
    const jump = { op: 'jump' as const, to: 0 };
    program.push(jump);
    jumps.push(jump);
    split.b = program.length;
    return true;
  });
  for (const jump of jumps) jump.to = program.length;
  return emitted;
}

function emitRepeat(program: Instruction[], repeat: { readonly part: Syntax } & Repeat): boolean {
  const { part, min, max, lazy } = repeat;
  for (let count = 0; count < min; count++) {
    const before = program.length;
    if (!emit(program, part)) return false;
    const empty = program.slice(before).every(({ op }) => op === 'save');
    if (empty) return true; // nothing, however often
  }
  if (max === Number.POSITIVE_INFINITY) {
    const start = program.length;
    const split: Split = { op: 'split', a: start + 1, b: 0 };
    program.push(split);
    if (!emit(program, part)) return false;
    program.push({ op: 'jump', to: start });
    leave(split, program.length, lazy);
    return true;
  }
  const splits: Split[] = [];
  for (let count = min; count < max; count++) {
    const split: Split = { op: 'split', a: program.length + 1, b: 0 };
    program.push(split);
    splits.push(split);
    if (!emit(program, part)) return false;
  }
  for (const split of splits) leave(split, program.length, lazy);
  return true;
}

/** Sets where a repetition goes on behind it; a lazy one tries that first. */
function leave(split: Split, end: number, lazy: boolean): void {
  split.b = end;
  if (lazy) [split.a, split.b] = [split.b, split.a];
}

/** Runs all threads of the program side by side; each instruction is visited once a position. */
export function execute(program: Program, text: string): boolean {
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
  program: Program,
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
    else if (instruction.op === 'save') stack.push(pc + 1);
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

/** A thread with the positions that groups began and ended at. */
interface Thread {
  readonly pc: number;
  readonly saved: readonly number[];
}

/**
 * Runs the threads in order of preference: the first that matches wins over all behind it, and those
 * before it may still match more.
 */
export function executeWithGroups(program: Program, text: string): readonly string[] | null {
  const chars = [...text];
  const codes = chars.map((char) => char.codePointAt(0) as number);
  let found: readonly number[] | null = null;
  let current: readonly Thread[] = [];
  for (let at = 0; at <= codes.length; at++) {
    const starts = found === null ? [...current, { pc: 0, saved: [] }] : current;
    const { ready, matched } = ordered(program, starts, at, codes);
    found = matched ?? found;
    const code = codes[at];
    if (code === undefined || (ready.length === 0 && found !== null)) break;
    current = ready.filter(({ pc }) => takes(program[pc], code)).map(after);
  }
  return found === null ? null : groupsOf(program, found, chars);
}

function takes(instruction: Instruction | undefined, code: number): boolean {
  return instruction?.op === 'char' && instruction.test(code);
}

function after({ pc, saved }: Thread): Thread {
  return { pc: pc + 1, saved };
}

interface Step {
  /** Threads that wait for a character, most preferred first. */
  readonly ready: readonly Thread[];
  readonly matched: readonly number[] | null;
}

function ordered(
  program: Program,
  starts: readonly Thread[],
  at: number,
  codes: readonly number[],
): Step {
  const visited = new Set<number>();
  const ready: Thread[] = [];
  const stack: Thread[] = [...starts].reverse();
  for (let thread = stack.pop(); thread !== undefined; thread = stack.pop()) {
    const { pc, saved } = thread;
    if (visited.has(pc)) continue;
    visited.add(pc);
    const instruction = program[pc] as Instruction;
    if (instruction.op === 'match') return { ready, matched: saved };
    if (instruction.op === 'char') ready.push(thread);
    else if (instruction.op === 'jump') stack.push({ pc: instruction.to, saved });
    else if (instruction.op === 'split') {
      stack.push({ pc: instruction.b, saved }, { pc: instruction.a, saved });
    } else if (instruction.op === 'save') {
      const now = [...saved];
      now[instruction.slot] = at;
      stack.push({ pc: pc + 1, saved: now });
    } else if (holds(instruction.what, at, codes)) stack.push({ pc: pc + 1, saved });
  }
  return { ready, matched: null };
}

function groupsOf(program: Program, saved: readonly number[], chars: readonly string[]): string[] {
  let last = 0;
  for (const instruction of program) {
    if (instruction.op === 'save') last = Math.max(last, instruction.slot >> 1);
  }
  return Array.from({ length: last + 1 }, (_, group) =>
    chars.slice(saved[2 * group] ?? 0, saved[2 * group + 1] ?? 0).join(''),
  );
}
