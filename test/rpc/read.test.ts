/** How consistency is had before a read is answered. */

import { describe, expect, it } from 'vitest';
import { QueryOptions } from '../../src/model/blocks.ts';
import type { EndpointDeps } from '../../src/rpc/endpoints/deps.ts';
import { answerRead } from '../../src/rpc/endpoints/read.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { StoreHarness } from '../support/store-harness.ts';

const ORIGIN = { remote: null, signal: new AbortController().signal };

function start() {
  const { store } = new StoreHarness();
  const clock = new ManualClock();
  const disk = { read: false };
  const view = () => ({ leading: false, leaderAddress: null, lastContactMs: null });
  const consensus = { view, restored: () => disk.read };
  const deps = { store, clock, consensus } as unknown as EndpointDeps;
  let reads = 0;
  const answer = answerRead(deps, QueryOptions.of({ AllowStale: true }), ORIGIN, () => {
    reads++;
    return { index: 7, result: {} };
  });
  return { answer, clock, disk, reads: () => reads };
}

describe('a stale read at a server that has just started', () => {
  it('waits until what is on the disk is in the store', async () => {
    const { answer, clock, disk, reads } = start();
    await clock.advance(3_000);
    expect(reads()).toBe(0);
    disk.read = true;
    await clock.advance(100);
    expect(await answer).toMatchObject({ Index: 7 });
  });

  it('is refused when that takes too long', async () => {
    const { answer, clock, reads } = start();
    const refused = expect(answer).rejects.toThrow('still being restored');
    await clock.advance(8_000);
    await refused;
    expect(reads()).toBe(0);
  });
});
