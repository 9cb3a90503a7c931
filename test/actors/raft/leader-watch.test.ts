/** Whether the process of the leader has ended, judged by what becomes of connections to it. */

import { describe, expect, it } from 'vitest';
import { LeaderWatch } from '../../../actors/raft/leader-watch.ts';
import { systemError } from '../../../src/world/errors.ts';
import type { ByteStream } from '../../../src/world/world.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { streamPair } from '../../support/stream-pair.ts';

const LEADER = { id: 'b', address: 'b:8300' };

/** What a dial comes to: a stream, or an error of this code. */
type Found = ByteStream | 'ECONNREFUSED' | 'ECONNRESET' | 'ETIMEDOUT';

/** A watch whose dials come to these, the last one again and again. */
function scene(...found: readonly [Found, ...Found[]]) {
  const clock = new ManualClock();
  const gone: string[] = [];
  let dials = 0;
  const watch = new LeaderWatch({
    clock,
    dial: async () => {
      const next = found[Math.min(dials, found.length - 1)] as Found;
      dials += 1;
      if (typeof next === 'string') throw systemError(next, 'dial tcp b:8300');
      return next;
    },
    leader: () => LEADER,
    gone: (address) => gone.push(address),
  });
  return { clock, watch, gone, dials: () => dials };
}

describe('a connection of the leader ends', () => {
  it('and nobody listens there: its process is gone', async () => {
    const { clock, watch, gone } = scene('ECONNREFUSED');
    void watch.connectionEnded('b:8300');
    await clock.advance(0);
    expect(gone).toEqual(['b:8300']);
  });

  it('and a listener that is about to go lets one in: its process is gone', async () => {
    const [here, there] = streamPair();
    const { clock, watch, gone } = scene(here, 'ECONNRESET', 'ECONNREFUSED');
    void watch.connectionEnded('b:8300');
    await clock.advance(5);
    expect(gone).toEqual([]);
    there.destroy();
    await clock.advance(50);
    expect(gone).toEqual(['b:8300']);
  });

  it('and it takes another: it is alive, and the look ends', async () => {
    const [here] = streamPair();
    const { clock, watch, gone, dials } = scene(here);
    void watch.connectionEnded('b:8300');
    await clock.advance(1_000);
    expect([gone, dials(), here.destroyed, clock.armed]).toEqual([[], 1, true, 0]);
  });

  it('and nothing is heard of it: nothing is known', async () => {
    const { clock, watch, gone } = scene('ETIMEDOUT');
    void watch.connectionEnded('b:8300');
    await clock.advance(1_000);
    expect([gone, clock.armed]).toEqual([[], 0]);
  });

  it('and it is not whom we follow: nobody looks', async () => {
    const { clock, watch, dials } = scene('ECONNREFUSED');
    void watch.connectionEnded('c:8300');
    await clock.advance(0);
    expect(dials()).toBe(0);
  });
});
