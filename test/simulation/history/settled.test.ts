// Random histories of a real register, some calls of which never learn their outcome: with an end
// given to them they are still explained, and what was wrong is still found.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkLinearizable } from './linearizable.ts';
import { REGISTER, type RegisterCall, type RegisterOperation } from './register.ts';
import { settled } from './settled.ts';

function operation(
  calledAt: number,
  answeredAt: number,
  call: RegisterCall,
  answer: RegisterOperation['answer'],
): RegisterOperation {
  return { caller: 'c', call, calledAt, answeredAt, answer };
}

const write = (value: string | null): RegisterCall => ({ kind: 'write', value });
const swap = (expected: string | null, value: string): RegisterCall => ({
  kind: 'swap',
  expected,
  value,
});
const READ: RegisterCall = { kind: 'read', mode: 'consistent' };
const seen = (value: string | null) => ({ kind: 'value', value }) as const;
const WRITTEN = { kind: 'written' } as const;

const verdictOf = (history: readonly RegisterOperation[]) =>
  checkLinearizable(REGISTER, settled(history)).kind;

describe('a history with unknown outcomes', () => {
  it('ends a write when its value is first seen', () => {
    const history = [
      operation(0, 9, write('a'), undefined),
      operation(5, 6, READ, seen('a')),
      operation(7, 8, READ, seen('a')),
    ];
    expect(settled(history)[0]).toMatchObject({ answer: WRITTEN, answeredAt: 6 });
  });

  it('ends a swap when another swap has found its value', () => {
    const history = [
      operation(0, 9, swap(null, 'a'), undefined),
      operation(5, 6, swap('a', 'b'), { kind: 'swapped', done: true }),
    ];
    expect(settled(history)[0]).toMatchObject({ answer: { done: true }, answeredAt: 6 });
  });

  it('ends a write that only a swap of unknown outcome has seen', () => {
    const history = [
      operation(0, 9, write('a'), undefined),
      operation(1, 9, swap('a', 'b'), undefined),
      operation(5, 6, READ, seen('b')),
    ];
    expect(settled(history).map(({ answeredAt }) => answeredAt)).toEqual([6, 6, 6]);
  });

  it('forgets what nobody saw, and the refusals that it may explain', () => {
    const refused = { kind: 'swapped', done: false } as const;
    const before = operation(0, 1, swap('z', 'b'), refused);
    const unseen = operation(2, 3, write('a'), undefined);
    const after = operation(4, 5, swap(null, 'c'), refused);
    expect(settled([before, unseen, after])).toEqual([before]);
  });

  it('keeps deletions open: a missing value has no author', () => {
    const deleted = operation(0, 1, write(null), undefined);
    expect(settled([deleted])).toEqual([deleted]);
  });

  it('still finds a value that is seen before it is written, and one that comes back', () => {
    const early = [operation(0, 1, READ, seen('a')), operation(2, 3, write('a'), undefined)];
    expect(verdictOf(early)).toBe('violated');
    const back = [
      operation(0, 1, write('a'), undefined),
      operation(2, 3, READ, seen('a')),
      operation(4, 5, write('b'), WRITTEN),
      operation(6, 7, READ, seen('a')),
    ];
    expect(verdictOf(back)).toBe('violated');
  });
});

/** A call at its moment, how long before and after the caller was waiting, and what it was told. */
const turns = fc.array(
  fc.record({
    kind: fc.constantFrom('read', 'read', 'write', 'write', 'swap', 'delete'),
    before: fc.integer({ min: 0, max: 30 }),
    after: fc.integer({ min: 0, max: 30 }),
    told: fc.constantFrom('told', 'told', 'told', 'done, not told', 'not done, not told'),
  }),
  { maxLength: 24 },
);

/** What a register would have answered, one call every ten units of time. */
function historyOf(chosen: typeof turns extends fc.Arbitrary<infer T> ? T : never) {
  const history: RegisterOperation[] = [];
  let state: string | null = null;
  for (const [at, { kind, before, after, told }] of chosen.entries()) {
    const value = `v${at}`;
    const call: RegisterCall =
      kind === 'read'
        ? READ
        : kind === 'write'
          ? write(value)
          : kind === 'swap'
            ? swap(at % 3 === 0 ? 'nothing' : state, value)
            : write(null);
    if (call.kind === 'read' && told !== 'told') continue;
    const fits: boolean = call.kind !== 'swap' || call.expected === state;
    const answer =
      call.kind === 'read'
        ? seen(state)
        : call.kind === 'swap'
          ? ({ kind: 'swapped', done: fits } as const)
          : WRITTEN;
    if (call.kind !== 'read' && fits && told !== 'not done, not told') state = call.value;
    const moment = at * 10;
    const given = told === 'told' ? answer : undefined;
    history.push(operation(moment - before, moment + after, call, given));
  }
  return history;
}

describe('histories of a real register', () => {
  it('are explained with and without an end for the unknown', () => {
    fc.assert(
      fc.property(turns, (chosen) => {
        const history = historyOf(chosen);
        expect(checkLinearizable(REGISTER, history).kind).toBe('linearizable');
        expect(verdictOf(history)).toBe('linearizable');
      }),
    );
  });

  it('are not blamed where the search over all outcomes finds nothing wrong', () => {
    const stale = fc.tuple(turns, fc.nat(), fc.nat());
    fc.assert(
      fc.property(stale, ([chosen, which, from]) => {
        const history = historyOf(chosen);
        const reads = history.filter(({ call }) => call.kind === 'read');
        const victim = reads[which % Math.max(1, reads.length)];
        const source = reads[from % Math.max(1, reads.length)];
        const bent = history.map((one) =>
          one === victim && source !== undefined ? { ...one, answer: source.answer } : one,
        );
        if (checkLinearizable(REGISTER, bent).kind === 'linearizable') {
          expect(verdictOf(bent)).toBe('linearizable');
        }
      }),
    );
  });
});
