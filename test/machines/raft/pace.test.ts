/** When a leader sends, and how much at once. */

import { describe, expect, it } from 'vitest';
import {
  APPEND_ENTRIES_MAX,
  COMMIT_TIMEOUT_MS,
  IN_FLIGHT_MAX,
  SENT_AT_ONCE_MAX,
} from '../../../machines/raft/limits.ts';
import type { Progress, RaftNode } from '../../../machines/raft/node.ts';
import { stepNode } from '../../../machines/raft/step.ts';
import { answered, elected } from '../../support/raft/scenes.ts';

function progressOf(on: RaftNode, id: string): Progress {
  const progress = on.leadership?.progress.get(id);
  if (progress === undefined) throw new Error(`nobody follows ${id}`);
  return progress;
}

/** `from` has everything, on disk, and says so to what was sent at `sentAtMs`. */
function taken(on: RaftNode, from: string, sentAtMs: number, nowMs: number): RaftNode {
  const { lastIndex } = on.log;
  const response = {
    ProtocolVersion: 3,
    ID: from,
    Addr: `${from}:8300`,
    Term: on.term,
    LastLog: lastIndex,
    Success: true,
    NoRetryBackoff: false,
  };
  const { epoch } = progressOf(on, from);
  const prevIndex = lastIndex - 1;
  const answer = { kind: 'append', epoch, sentAtMs, prevIndex, lastIndex, response };
  return answered(on, from, answer, nowMs);
}

describe('the pace of a leader', () => {
  const led = elected([1, 2, 2], 3);
  const heartbeatMs = led.settings.heartbeatTimeoutMs / 10;

  it('sends heartbeats beside appends: peers answer them though their main loop is busy', () => {
    const dueMs = progressOf(led, 'b').heartbeatAtMs;
    const before = taken(led, 'b', led.nowMs, dueMs - 1);
    expect(progressOf(before, 'b').heartbeatAtMs).toBe(dueMs);
    const after = taken(before, 'b', dueMs - 1, dueMs);
    const nextMs = progressOf(after, 'b').heartbeatAtMs;
    expect(nextMs).toBeGreaterThanOrEqual(dueMs + heartbeatMs);
    expect(nextMs).toBeLessThan(dueMs + 2 * heartbeatMs);
  });

  it('tells followers within the commit timeout what is committed, and all in one step', () => {
    const nowMs = led.nowMs + 5;
    const committed = taken(led, 'b', led.nowMs, nowMs);
    expect(committed.commitIndex).toBe(led.log.lastIndex);
    const { appendAtMs } = progressOf(committed, 'b');
    expect(appendAtMs).toBeGreaterThanOrEqual(nowMs + COMMIT_TIMEOUT_MS);
    expect(appendAtMs).toBeLessThan(nowMs + 2 * COMMIT_TIMEOUT_MS);
    expect(progressOf(committed, 'c').appendAtMs).toBe(appendAtMs);
  });

  it('goes on at the pace of heartbeats when there is nothing to tell', () => {
    const nowMs = led.nowMs + 5;
    const committed = taken(led, 'b', led.nowMs, nowMs);
    const atMs = progressOf(committed, 'b').appendAtMs;
    const told = taken(committed, 'b', nowMs, atMs);
    const again = progressOf(told, 'b');
    expect(again.commitSent).toBe(told.commitIndex);
    expect(again.appendAtMs).toBeGreaterThanOrEqual(atMs + heartbeatMs);
    expect(again.appendAtMs).toBeLessThan(atMs + 2 * heartbeatMs);
  });
});

describe('a leader that brings a follower up to date', () => {
  const missed = (IN_FLIGHT_MAX + 2 * SENT_AT_ONCE_MAX) * APPEND_ENTRIES_MAX;
  const led = elected([1, ...Array<number>(missed).fill(2)], 3);
  const { epoch } = progressOf(led, 'b');
  const answer = { kind: 'append', sentAtMs: led.nowMs, prevIndex: led.log.lastIndex - 1 };
  const header = { ProtocolVersion: 3, ID: 'b', Addr: 'b:8300', Term: led.term };
  const lacking = { ...header, LastLog: 1, Success: false, NoRetryBackoff: true };
  const probed = answered(led, 'b', { ...answer, epoch, lastIndex: 0, response: lacking });
  /** `b` has what it was asked about, and lacks the rest. */
  const found = answered(probed, 'b', {
    ...answer,
    epoch: progressOf(probed, 'b').epoch,
    lastIndex: 1 + APPEND_ENTRIES_MAX,
    response: { ...lacking, Success: true },
  });

  it('sends a few appends at once, and the others turn by turn until enough are on their way', () => {
    expect(progressOf(found, 'b').inFlight).toBe(SENT_AT_ONCE_MAX);
    let turns = 0;
    for (let on = found; progressOf(on, 'b').inFlight < IN_FLIGHT_MAX; turns++) {
      const { node, effects } = stepNode(on, { type: 'clock.reached', nowMs: on.nowMs, wallMs: 0 });
      const inFlight = progressOf(on, 'b').inFlight + SENT_AT_ONCE_MAX;
      expect(progressOf(node, 'b').inFlight).toBe(inFlight);
      const armed = effects.find((effect) => effect.type === 'clock.arm');
      if (inFlight < IN_FLIGHT_MAX) expect(armed?.atMs).toBe(on.nowMs);
      else expect(armed?.atMs).toBeGreaterThan(on.nowMs);
      on = node;
    }
    expect(turns).toBe(IN_FLIGHT_MAX / SENT_AT_ONCE_MAX - 1);
  });
});
