import { describe, expect, it } from 'vitest';
import type { CallControl } from '../../src/rpc/client/pool.ts';
import { LeaderCalls } from '../../src/rpc/leader-calls.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { settle } from '../support/stream-pair.ts';

interface Asked {
  readonly control: CallControl;
  /** Errors that the call was given up with. */
  readonly abandoned: string[];
  outcome: string | undefined;
  answer(text: string): void;
}

function asked(
  calls: LeaderCalls,
  leader: string,
  access: 'read' | 'write',
  stage: 'sent' | 'unsent',
): Asked {
  let answer: (text: string) => void = () => {};
  let control: CallControl = { abandon: undefined, cancelled: false };
  const abandoned: string[] = [];
  const reply = calls.ask<string>(leader, access, (given) => {
    control = given;
    if (stage === 'sent') given.abandon = ({ message }) => void abandoned.push(message);
    return new Promise((resolve) => {
      answer = resolve;
    });
  });
  const one: Asked = { control, abandoned, outcome: undefined, answer };
  reply.then(
    (text) => {
      one.outcome = text;
    },
    (error: Error) => {
      one.outcome = error.message;
    },
  );
  return one;
}

describe('calls at a leader', () => {
  it('are left in peace while it leads, and when nobody else does', async () => {
    const clock = new ManualClock();
    const calls = new LeaderCalls(clock);
    const read = asked(calls, 'a', 'read', 'sent');
    const write = asked(calls, 'a', 'write', 'sent');
    calls.ledBy('a');
    await clock.advance(60_000);
    read.answer('r');
    write.answer('w');
    await settle();
    expect([read.outcome, write.outcome]).toEqual(['r', 'w']);
  });

  it('that only read, or were not sent, are free to go to the next one at once', async () => {
    const calls = new LeaderCalls(new ManualClock());
    const read = asked(calls, 'a', 'read', 'sent');
    const unsent = asked(calls, 'a', 'write', 'unsent');
    const atNext = asked(calls, 'b', 'read', 'sent');
    calls.ledBy('b');
    await settle();
    expect([read.outcome, unsent.outcome]).toEqual(['No cluster leader', 'No cluster leader']);
    expect(read.abandoned).toEqual(['No cluster leader']);
    expect(unsent.control.cancelled).toBe(true);
    expect(atNext.outcome).toBeUndefined();
  });

  it('that write may still be answered for a while; then nobody knows what became of them', async () => {
    const clock = new ManualClock();
    const calls = new LeaderCalls(clock);
    const [answered, lost] = [
      asked(calls, 'a', 'write', 'sent'),
      asked(calls, 'a', 'write', 'sent'),
    ];
    calls.ledBy('b');
    await clock.advance(900);
    answered.answer('done');
    await settle();
    expect([answered.outcome, lost.outcome]).toEqual(['done', undefined]);
    await clock.advance(200);
    expect(lost.outcome).toMatch(/leadership lost .* b leads now, and a has not answered/);
  });

  it('that write stay when the leader that was asked leads again meanwhile', async () => {
    const clock = new ManualClock();
    const calls = new LeaderCalls(clock);
    const write = asked(calls, 'a', 'write', 'sent');
    calls.ledBy('b');
    calls.ledBy('a');
    await clock.advance(60_000);
    expect(write.outcome).toBeUndefined();
  });
});
