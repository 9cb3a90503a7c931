/** Goal: who is healthy, who gets a vote and who is cleared away, by the rules of raft-autopilot. */

import { describe, expect, it } from 'vitest';
import { deadServerCleanup, promotions } from '../../src/autopilot/decisions.ts';
import {
  type HealthInput,
  type KnownServer,
  nextState,
  type RaftPeerFacts,
  type ServerStats,
} from '../../src/autopilot/state.ts';
import { AutopilotConfig } from '../../src/model/operator.ts';

const CONFIG = AutopilotConfig.of({
  CleanupDeadServers: true,
  LastContactThreshold: 200e6,
  MaxTrailingLogs: 250,
  ServerStabilizationTime: 10e9,
});
const FINE: ServerStats = { LastContact: 50e6, LastTerm: 2, LastIndex: 1000 };

const peer = (id: string, voter = true): RaftPeerFacts => ({ id, address: `${id}:8300`, voter });
const server = (id: string, more: Partial<KnownServer> = {}): KnownServer => ({
  id,
  name: `node-${id}`,
  address: `${id}:8300`,
  status: 'alive',
  version: '1.9.1',
  raftVersion: 3,
  meta: null,
  readReplica: false,
  ...more,
});
const byId = (...servers: readonly KnownServer[]) => new Map(servers.map((one) => [one.id, one]));

function input(more: Partial<HealthInput> = {}): HealthInput {
  return {
    config: CONFIG,
    peers: ['a', 'b', 'c'].map((id) => peer(id)),
    leaderId: 'a',
    lastTerm: 2,
    lastIndex: 1000,
    known: byId(server('a'), server('b'), server('c')),
    stats: new Map(['a', 'b', 'c'].map((id) => [id, FINE])),
    nowMs: 50_000,
    ...more,
  };
}

describe('health', () => {
  it('of a sound group: what is left over the quorum may fail', () => {
    const state = nextState(input(), null);
    expect(state).toMatchObject({
      Healthy: true,
      FailureTolerance: 1,
      Leader: 'a',
      Voters: ['a', 'b', 'c'],
      Servers: { b: { State: 'voter', Server: { Name: 'node-b', NodeStatus: 'alive' } } },
    });
  });

  it.each<[string, Partial<HealthInput>]>([
    [
      'failed in gossip',
      { known: byId(server('a'), server('b'), server('c', { status: 'failed' })) },
    ],
    ['unknown to gossip', { known: byId(server('a'), server('b')) }],
    ['out of contact', { stats: withStats({ LastContact: 201e6 }) }],
    ['of another term', { stats: withStats({ LastTerm: 1 }) }],
    ['far behind', { stats: withStats({ LastIndex: 749 }) }],
    [
      'never heard of',
      {
        stats: new Map([
          ['a', FINE],
          ['b', FINE],
        ]),
      },
    ],
  ])('is bad for one that is %s', (_, more) => {
    const state = nextState(input(more), null);
    expect([state.Healthy, state.FailureTolerance]).toEqual([false, 0]);
    expect(state.Servers?.['c']?.Health.Healthy).toBe(false);
  });

  it('may lag by what is allowed', () => {
    expect(nextState(input({ stats: withStats({ LastIndex: 750 }) }), null).Healthy).toBe(true);
  });

  it('has its moment from the last change on, and the last figures of one that is silent', () => {
    const first = nextState(input({ nowMs: 1_000 }), null);
    const later = nextState(input({ nowMs: 9_000, stats: new Map() }), first);
    expect(later.Healthy).toBe(true);
    expect(later.Servers?.['b']?.Health.StableSince.unixSeconds).toBe(1);
    const known = byId(server('a'), server('b', { status: 'failed' }), server('c'));
    const worse = nextState(input({ nowMs: 12_000, known }), later);
    expect(worse.Servers?.['b']?.Health.StableSince.unixSeconds).toBe(12);
    expect(worse.Servers?.['c']?.Health.StableSince.unixSeconds).toBe(1);
  });
});

function withStats(of: Partial<ServerStats>): ReadonlyMap<string, ServerStats> {
  return new Map([
    ['a', FINE],
    ['b', FINE],
    ['c', { ...FINE, ...of }],
  ]);
}

describe('a vote', () => {
  const joining = { peers: [peer('a'), peer('b'), peer('c', false)] };
  const promoted = (nowMs: number, more: Partial<HealthInput> = {}, startedMs = 0) => {
    const all = input({ ...joining, ...more, nowMs: 20_000 });
    const state = nextState(all, null);
    return promotions(CONFIG, state, all.known, { startedMs, nowMs }).map(({ id }) => id);
  };

  it('is for who has been healthy long enough', () => {
    expect(promoted(29_999)).toEqual([]);
    expect(promoted(30_000)).toEqual(['c']);
  });

  it('comes at once while autopilot is new itself', () => {
    expect(promoted(20_500, {}, 10_000)).toEqual(['c']);
  });

  it('is not for the sick, nor for read replicas', () => {
    expect(promoted(60_000, { stats: withStats({ LastTerm: 1 }) })).toEqual([]);
    const known = byId(server('a'), server('b'), server('c', { readReplica: true }));
    expect(promoted(60_000, { known })).toEqual([]);
  });
});

describe('dead servers', () => {
  const failed = (...ids: readonly string[]) =>
    byId(
      ...['a', 'b', 'c', 'd', 'e'].map((id) =>
        server(id, { status: ids.includes(id) ? 'failed' : 'alive' }),
      ),
    );
  const five = ['a', 'b', 'c', 'd', 'e'].map((id) => peer(id));
  const removed = (
    config: AutopilotConfig,
    peers: readonly RaftPeerFacts[],
    known: ReadonlyMap<string, KnownServer>,
  ) =>
    deadServerCleanup(config, peers, known).removals.map((one) =>
      one.kind === 'force-leave' ? one.name : one.id,
    );

  it('go when they are fewer than half of the voters', () => {
    expect(removed(CONFIG, five, failed('e'))).toEqual(['node-e']);
    expect(removed(CONFIG, five, failed('d', 'e'))).toEqual(['node-d', 'node-e']);
  });

  it('stay beyond that, with a reason', () => {
    const { removals, kept } = deadServerCleanup(CONFIG, five, failed('c', 'd', 'e'));
    expect(removals).toHaveLength(2);
    expect(kept).toEqual([
      { server: 'node-e', why: 'a majority of the voters may not go at once' },
    ]);
    expect(removed(CONFIG, five.slice(0, 2), failed('b'))).toEqual([]);
  });

  it('stay where the wished quorum needs them, or when nobody wants them gone', () => {
    expect(removed({ ...CONFIG, MinQuorum: 5 }, five, failed('e'))).toEqual([]);
    expect(removed({ ...CONFIG, MinQuorum: 4 }, five, failed('d', 'e'))).toEqual(['node-d']);
    expect(removed({ ...CONFIG, CleanupDeadServers: false }, five, failed('e'))).toEqual([]);
  });

  it('go in order: without a vote, stale, failed', () => {
    const known = byId(
      server('a'),
      server('b'),
      server('c', { status: 'failed' }),
      server('n', { status: 'failed' }),
    );
    const peers = [peer('a'), peer('b'), peer('c'), peer('n', false), peer('s', false), peer('t')];
    expect(removed(CONFIG, peers, known)).toEqual(['node-n', 's', 't']);
  });
});
