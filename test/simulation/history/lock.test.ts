import { describe, expect, it } from 'vitest';
import { checkLinearizable } from './linearizable.ts';
import { LOCK, type LockCall, type LockOperation } from './lock.ts';

function done(
  kind: LockCall['kind'],
  session: string,
  calledAt: number,
  answer: boolean,
): LockOperation {
  return {
    caller: session,
    call: { kind, session },
    calledAt,
    answer: { done: answer },
    answeredAt: calledAt + 1,
  };
}

function lost(kind: LockCall['kind'], session: string, calledAt: number): LockOperation {
  return { ...done(kind, session, calledAt, true), answer: undefined };
}

const kindOf = (history: readonly LockOperation[]) => checkLinearizable(LOCK, history).kind;

describe('linearizability of a lock', () => {
  it('has one holder at a time, who may take it again', () => {
    const held = [done('acquire', 'a', 0, true), done('acquire', 'a', 2, true)];
    expect(kindOf([...held, done('acquire', 'b', 4, false)])).toBe('linearizable');
    expect(kindOf([...held, done('acquire', 'b', 4, true)])).toBe('violated');
  });

  it('passes on when it is given back, and when its session ends', () => {
    const held = [done('acquire', 'a', 0, true)];
    const next = done('acquire', 'b', 4, true);
    expect(kindOf([...held, done('release', 'a', 2, true), next])).toBe('linearizable');
    expect(kindOf([...held, done('destroy', 'a', 2, true), next])).toBe('linearizable');
    expect(kindOf([...held, lost('release', 'a', 2), next])).toBe('linearizable');
    expect(kindOf([...held, done('release', 'b', 2, true)])).toBe('violated');
  });

  it('is never held by a session that has ended', () => {
    const ended = done('destroy', 'a', 0, true);
    expect(kindOf([ended, done('acquire', 'a', 2, true)])).toBe('violated');
    expect(kindOf([ended, done('renew', 'a', 2, true)])).toBe('violated');
    expect(kindOf([ended, done('renew', 'a', 2, false)])).toBe('linearizable');
  });

  it('is kept by a session that is renewed until its time is over, and no longer', () => {
    const held = [done('acquire', 'a', 0, true), done('renew', 'a', 5, true)];
    const overAt = (at: number) => lost('destroy', 'a', at);
    expect(kindOf([...held, done('acquire', 'b', 9, true), overAt(8)])).toBe('linearizable');
    expect(kindOf([...held, done('acquire', 'b', 9, true), overAt(12)])).toBe('violated');
  });
});
