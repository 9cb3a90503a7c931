/**
 * Whether a history of calls can be explained by one order of their effects, each effect between
 * the call and its answer: linearizability, decided by the search of Wing and Gong with the memory
 * that Lowe added ("Testing for linearizability", 2016).
 *
 * The search takes, again and again, one of the calls that were made before the first answer still
 * unexplained. When the model refuses all of them it goes back. What has been taken and the state
 * it led to are remembered, so that no combination is tried twice.
 */

/** What an operation was, and when. Times may be in any unit, but of one clock. */
export interface Operation<Call, Answer> {
  readonly caller: string;
  readonly call: Call;
  readonly calledAt: number;
  /**
   * Absent when the caller never learnt the outcome: then it may have taken effect at any time
   * after the call, or never.
   */
  readonly answer: Answer | undefined;
  readonly answeredAt: number;
}

/** The object that callers believe to talk to, one call at a time. */
export interface SequentialModel<State, Call, Answer> {
  readonly initial: State;
  /**
   * The state after `call` when `answer` is right for it in `state`; `undefined` when it is wrong.
   * No answer: the outcome is unknown, and any is right.
   */
  step(state: State, call: Call, answer: Answer | undefined): State | undefined;
  /** Equal for equal states. */
  fingerprint(state: State): string;
}

export type Verdict<Call, Answer> =
  | { readonly kind: 'linearizable' }
  | {
      readonly kind: 'violated';
      /** The longest explanation found, in order. */
      readonly explained: readonly Operation<Call, Answer>[];
      /** The first answer that no order explains after it. */
      readonly unexplained: Operation<Call, Answer>;
    }
  /** The search was given up: neither proved nor disproved. */
  | { readonly kind: 'undecided'; readonly steps: number };

/** Steps of a search before it is given up; each takes about a microsecond. */
const STEPS_MAX = 20_000_000;

/** A call or an answer, in the order of time; a call knows its answer. */
class Mark<Call, Answer> {
  before: Mark<Call, Answer> | null = null;
  after: Mark<Call, Answer> | null = null;
  readonly operation: Operation<Call, Answer>;
  readonly number: number;
  /** The answer of a call; `null` in an answer. */
  readonly answer: Mark<Call, Answer> | null;

  constructor(
    operation: Operation<Call, Answer>,
    number: number,
    answer: Mark<Call, Answer> | null,
  ) {
    this.operation = operation;
    this.number = number;
    this.answer = answer;
  }

  get atTime(): number {
    const { operation } = this;
    if (this.answer !== null) return operation.calledAt;
    return operation.answer === undefined ? Number.POSITIVE_INFINITY : operation.answeredAt;
  }
}

interface Taken<State, Call, Answer> {
  readonly mark: Mark<Call, Answer>;
  readonly state: State;
}

/** Decides one object's history. Histories of several objects are decided one by one. */
export function checkLinearizable<State, Call, Answer>(
  model: SequentialModel<State, Call, Answer>,
  history: readonly Operation<Call, Answer>[],
  stepsMax: number = STEPS_MAX,
): Verdict<Call, Answer> {
  const [first, ...others] = history;
  if (first === undefined) return { kind: 'linearizable' };
  const head = marksOf([first, ...others]);
  const done = new Uint32Array(Math.ceil(history.length / 32));
  const seen = new Set<string>();
  const taken: Taken<State, Call, Answer>[] = [];
  let longest: readonly Operation<Call, Answer>[] = [];
  let furthest: Mark<Call, Answer> | null = null;
  let state = model.initial;
  let at = head.after;
  let answersLeft = history.filter(({ answer }) => answer !== undefined).length;

  for (let steps = 0; answersLeft > 0; steps++) {
    if (steps >= stepsMax) return { kind: 'undecided', steps };
    if (at === null) throw new Error('an answer was not reached: the marks are out of order');
    if (at.answer !== null) {
      const { call, answer } = at.operation;
      const next = model.step(state, call, answer);
      if (next !== undefined) {
        flip(done, at.number);
        const key = `${done.join()} ${model.fingerprint(next)}`;
        if (!seen.has(key)) {
          seen.add(key);
          taken.push({ mark: at, state });
          state = next;
          lift(at);
          if (answer !== undefined) answersLeft -= 1;
          at = head.after;
          continue;
        }
        flip(done, at.number);
      }
      at = at.after;
      continue;
    }
    // An answer whose call has not been taken, and none of the calls before it fits.
    if (taken.length >= longest.length) {
      longest = taken.map(({ mark }) => mark.operation);
      furthest = at;
    }
    const last = taken.pop();
    if (last === undefined) {
      const unexplained = (furthest ?? at).operation;
      return { kind: 'violated', explained: longest, unexplained };
    }
    flip(done, last.mark.number);
    if (last.mark.operation.answer !== undefined) answersLeft += 1;
    state = last.state;
    unlift(last.mark);
    at = last.mark.after;
  }
  return { kind: 'linearizable' };
}

/**
 * Calls and answers as one list, in order of time. Of those at the same time calls come first: the
 * clock cannot tell their order, so that every order is allowed.
 */
function marksOf<Call, Answer>(
  history: readonly [Operation<Call, Answer>, ...Operation<Call, Answer>[]],
): Mark<Call, Answer> {
  const marks = history.flatMap((operation, number) => {
    const answer = new Mark(operation, number, null);
    return [new Mark(operation, number, answer), answer];
  });
  marks.sort((a, b) => compare(a.atTime, b.atTime) || rank(a) - rank(b));
  const head = new Mark(history[0], -1, null);
  let last = head;
  for (const mark of marks) {
    mark.before = last;
    last.after = mark;
    last = mark;
  }
  return head;
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank(mark: Mark<unknown, unknown>): number {
  return mark.answer === null ? 1 : 0;
}

function flip(bits: Uint32Array, number: number): void {
  bits[number >> 5] = (bits[number >> 5] as number) ^ (1 << (number & 31));
}

/** Takes a call and its answer out of the list; they remember where they stood. */
function lift(call: Mark<unknown, unknown>): void {
  unlink(call);
  if (call.answer !== null) unlink(call.answer);
}

/** Puts them back. Last out, first in: so their neighbours are those they had. */
function unlift(call: Mark<unknown, unknown>): void {
  if (call.answer !== null) relink(call.answer);
  relink(call);
}

function unlink(mark: Mark<unknown, unknown>): void {
  if (mark.before !== null) mark.before.after = mark.after;
  if (mark.after !== null) mark.after.before = mark.before;
}

function relink(mark: Mark<unknown, unknown>): void {
  if (mark.before !== null) mark.before.after = mark;
  if (mark.after !== null) mark.after.before = mark;
}
