import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkLinearizable, type Operation, type SequentialModel } from './linearizable.ts';

type Call = { readonly write: number } | 'read';
type Answer = number | 'written';

/** One register that begins with 0. */
const REGISTER: SequentialModel<number, Call, Answer> = {
  initial: 0,
  step: (state, call, answer) => {
    if (call !== 'read') return call.write;
    return answer === undefined || answer === state ? state : undefined;
  },
  fingerprint: String,
};

let callers = 0;
function write(value: number, calledAt: number, answeredAt: number): Operation<Call, Answer> {
  const caller = `c${callers++}`;
  return { caller, call: { write: value }, calledAt, answer: 'written', answeredAt };
}

function read(value: number, calledAt: number, answeredAt: number): Operation<Call, Answer> {
  return { caller: `c${callers++}`, call: 'read', calledAt, answer: value, answeredAt };
}

function lost(value: number, calledAt: number): Operation<Call, Answer> {
  return { ...write(value, calledAt, calledAt), answer: undefined };
}

const kindOf = (history: readonly Operation<Call, Answer>[]) =>
  checkLinearizable(REGISTER, history).kind;

describe('linearizability of a register', () => {
  it('explains calls one after the other, and calls that overlap in either order', () => {
    expect(kindOf([])).toBe('linearizable');
    expect(kindOf([write(1, 0, 1), read(1, 2, 3)])).toBe('linearizable');
    expect(kindOf([write(1, 0, 10), read(0, 2, 3), read(1, 4, 5)])).toBe('linearizable');
    expect(kindOf([write(1, 0, 10), write(2, 0, 10), read(1, 11, 12)])).toBe('linearizable');
  });

  it('refuses a read of what was overwritten before it began', () => {
    const verdict = checkLinearizable(REGISTER, [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]);
    expect(verdict).toMatchObject({
      kind: 'violated',
      explained: [{ call: { write: 1 } }, { call: { write: 2 } }],
      unexplained: { call: 'read', answer: 1 },
    });
  });

  it('refuses a read that goes back behind another', () => {
    expect(kindOf([write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)])).toBe('violated');
  });

  it('lets a call without an answer take effect late, early or never', () => {
    expect(kindOf([lost(1, 0), read(0, 1, 2), read(1, 3, 4)])).toBe('linearizable');
    expect(kindOf([lost(1, 0), read(1, 1, 2), read(1, 3, 4)])).toBe('linearizable');
    expect(kindOf([lost(1, 0), read(0, 1, 2)])).toBe('linearizable');
    expect(kindOf([lost(1, 0), read(1, 1, 2), read(0, 3, 4)])).toBe('violated');
  });

  it('gives up when there is more to try than was allowed, and says so', () => {
    const writes = Array.from({ length: 12 }, (_, at) => write(at + 1, 0, 100));
    const verdict = checkLinearizable(REGISTER, [...writes, read(99, 0, 100)], 1_000);
    expect(verdict).toEqual({ kind: 'undecided', steps: 1_000 });
  });

  it('agrees with trying every order', () => {
    const operation = fc
      .tuple(fc.nat(6), fc.integer({ min: 1, max: 5 }), fc.nat(2), fc.constantFrom('r', 'w', 'l'))
      .map(([at, length, value, kind]) => {
        if (kind === 'r') return read(value, at, at + length);
        return kind === 'w' ? write(value, at, at + length) : lost(value, at);
      });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 6 }), (history) => {
        expect(kindOf(history) === 'linearizable').toBe(explainedBySomeOrder(history, 0));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The definition itself: some order that respects time makes all answers right. */
function explainedBySomeOrder(rest: readonly Operation<Call, Answer>[], state: number): boolean {
  if (rest.every(({ answer }) => answer === undefined)) return true;
  return rest.some((operation) => {
    const others = rest.filter((one) => one !== operation);
    const answeredBefore = others.some(
      (one) => one.answer !== undefined && one.answeredAt < operation.calledAt,
    );
    if (answeredBefore) return false;
    const next = REGISTER.step(state, operation.call, operation.answer);
    return next !== undefined && explainedBySomeOrder(others, next);
  });
}
