/** A server that is told to stop, in simulated time: what it does about its leadership. */

import { describe, expect, it } from 'vitest';
import { type HandOverConsensus, handOver } from '../../../actors/agent/hand-over.ts';
import type { RaftView } from '../../../src/consensus/consensus.ts';
import { createMemoryLog } from '../../../src/log.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';

interface Scene {
  readonly role: 'leader' | 'follower';
  readonly members: readonly string[];
  readonly transfer: 'done' | 'refused' | 'endless';
  /** When the successor is heard after the transfer; `undefined`: never. */
  readonly heardAfterMs: number | undefined;
}

async function stop({ role, members, transfer, heardAfterMs }: Scene) {
  const simulation = createSimulation({ seed: 1 });
  const { world } = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
  const log = createMemoryLog();
  const servers = members.map((id) => ({ suffrage: 'voter' as const, id, address: `${id}:8300` }));
  let leader: RaftView['leader'] = servers[0];
  let transfers = 0;
  const consensus: HandOverConsensus = {
    view: () => ({ role, leader, configuration: { servers } }) as unknown as RaftView,
    leadershipTransfer: async () => {
      transfers += 1;
      if (transfer === 'refused') throw new Error('cannot find peer');
      if (transfer === 'endless') await new Promise(() => {});
      leader = undefined;
      if (heardAfterMs === undefined) return;
      world.clock.setTimeout(() => {
        leader = servers[1];
      }, heardAfterMs);
    },
  };
  const startMs = world.clock.monotonic();
  await simulation.settle(handOver({ log, world, nodeId: 'a' }, consensus), 60_000);
  const lines = log.lines.map(({ text }) => text);
  return { transfers, tookMs: world.clock.monotonic() - startMs, lines };
}

const LEADER = { role: 'leader', members: ['a', 'b', 'c'] } as const;

describe('a server that stops', () => {
  it('hands leadership over, and ends when the successor is heard', async () => {
    const stopped = await stop({ ...LEADER, transfer: 'done', heardAfterMs: 50 });
    expect(stopped.transfers).toBe(1);
    expect(stopped.tookMs).toBeGreaterThanOrEqual(50);
    expect(stopped.tookMs).toBeLessThan(200);
  });

  it('does not wait long for who never takes it, or is never heard', async () => {
    for (const transfer of ['endless', 'done'] as const) {
      const stopped = await stop({ ...LEADER, transfer, heardAfterMs: undefined });
      expect(stopped.tookMs).toBeGreaterThanOrEqual(2000);
      expect(stopped.tookMs).toBeLessThan(2200);
    }
  });

  it('says so when nobody can take it, and ends at once', async () => {
    const stopped = await stop({ ...LEADER, transfer: 'refused', heardAfterMs: undefined });
    expect(stopped.lines).toEqual(['nobody has taken leadership over']);
    expect(stopped.tookMs).toBeLessThan(10);
  });

  it.each([
    { role: 'follower', members: ['a', 'b', 'c'] } as const,
    { role: 'leader', members: ['a'] } as const,
  ])('ends at once as a $role of $members', async (scene) => {
    const stopped = await stop({ ...scene, transfer: 'done', heardAfterMs: undefined });
    expect(stopped).toMatchObject({ transfers: 0, lines: [] });
    expect(stopped.tookMs).toBeLessThan(10);
  });
});
