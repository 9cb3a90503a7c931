/** A server that leaves, in simulated time: what it asks of raft and of the pools, in which order. */

import { describe, expect, it } from 'vitest';
import type { Foundation } from '../../../actors/agent/foundation.ts';
import { type LeaveConsensus, leavePools } from '../../../actors/agent/leave.ts';
import { createBus } from '../../../actors/bus.ts';
import type { RaftConfiguration } from '../../../src/consensus/configuration.ts';
import type { RaftView } from '../../../src/consensus/consensus.ts';
import { createMemoryLog } from '../../../src/log.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';

const DRAIN_MS = 1000;

function configuration(...ids: readonly string[]): RaftConfiguration {
  const servers = ids.map((id) => ({ suffrage: 'voter' as const, id, address: `${id}:8300` }));
  return { servers };
}

interface Scene {
  readonly role: 'leader' | 'follower';
  readonly members: readonly string[];
  readonly successor: 'found' | 'none';
  /** When the leader of the others has taken this server out; `undefined`: never. */
  readonly removedAtMs: number | undefined;
}

async function leave({ role, members, successor, removedAtMs }: Scene) {
  const simulation = createSimulation({ seed: 1 });
  const { world } = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
  const log = createMemoryLog();
  const bus = createBus({ clock: world.clock, log });
  const steps: string[] = [];
  for (const pool of ['gossip.wan', 'gossip.lan'] as const) {
    bus.receive<'members.leave'>(pool, ({ reply }) => {
      steps.push(pool);
      reply.answer(null);
    });
  }
  let state = { role, configuration: configuration(...members) };
  const out = (): void => {
    const left = members.filter((id) => id !== 'a');
    state = { role: 'follower' as const, configuration: configuration(...left) } as typeof state;
  };
  const consensus: LeaveConsensus = {
    view: () => state as unknown as RaftView,
    leadershipTransfer: async () => {
      steps.push('transfer');
      if (successor === 'none') throw new Error('leadership transfer timeout');
      state = { ...state, role: 'follower' };
    },
    removeServer: async (id) => {
      steps.push(`remove ${id}`);
      out();
    },
  };
  if (removedAtMs !== undefined) world.clock.setTimeout(out, removedAtMs);
  const plan = { role: 'server', ports: { serfWan: 8302 }, leave: { drainMs: DRAIN_MS } };
  const base = { log, plan, world, bus, nodeId: 'a' } as unknown as Foundation;
  const startMs = world.clock.monotonic();
  await simulation.settle(leavePools(base, consensus), 60_000);
  const tookMs = world.clock.monotonic() - startMs;
  return { steps, tookMs, lines: log.lines.map((line) => line.text) };
}

const TIMEOUT = 'failed to leave raft configuration gracefully, timeout';

describe('a server that leaves', () => {
  it('hands leadership over before anything else, and waits to be taken out', async () => {
    const left = await leave({
      role: 'leader',
      members: ['a', 'b', 'c'],
      successor: 'found',
      removedAtMs: 1600,
    });
    expect(left.steps).toEqual(['transfer', 'gossip.wan', 'gossip.lan']);
    expect(left.tookMs).toBeGreaterThanOrEqual(1600);
    expect(left.tookMs).toBeLessThan(1700);
  });

  it('takes itself out when nobody takes leadership over', async () => {
    const left = await leave({
      role: 'leader',
      members: ['a', 'b'],
      successor: 'none',
      removedAtMs: undefined,
    });
    expect(left.steps).toEqual(['transfer', 'remove a', 'gossip.wan', 'gossip.lan']);
    expect(left.tookMs).toBeLessThan(DRAIN_MS + 100);
  });

  it('does not wait when it is out by the end of the pause', async () => {
    const left = await leave({
      role: 'follower',
      members: ['a', 'b', 'c'],
      successor: 'none',
      removedAtMs: 300,
    });
    expect(left.steps).toEqual(['gossip.wan', 'gossip.lan']);
    expect(left.tookMs).toBeLessThan(DRAIN_MS + 100);
    expect(left.lines).not.toContain(TIMEOUT);
  });

  it('gives up waiting after five seconds, and says so', async () => {
    const left = await leave({
      role: 'follower',
      members: ['a', 'b', 'c'],
      successor: 'none',
      removedAtMs: undefined,
    });
    expect(left.tookMs).toBeGreaterThanOrEqual(DRAIN_MS + 5000);
    expect(left.tookMs).toBeLessThan(DRAIN_MS + 5200);
    expect(left.lines).toContain(TIMEOUT);
  });

  it('asks nothing of raft when it is alone', async () => {
    const left = await leave({
      role: 'leader',
      members: ['a'],
      successor: 'none',
      removedAtMs: undefined,
    });
    expect(left.steps).toEqual(['gossip.wan', 'gossip.lan']);
    expect(left.tookMs).toBeLessThan(DRAIN_MS + 100);
  });
});
