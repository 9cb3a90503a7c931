// The chart of a pool: every state and every transition can be reached, whatever comes when.

import { expect, test } from 'vitest';
import type { AnyMachineSnapshot } from 'xstate';
import { CONSUL_LAN_DEFAULTS } from '../../../machines/gossip/config.ts';
import {
  type PoolContext,
  type PoolMachineEvent,
  poolMachine,
} from '../../../machines/gossip/pool.ts';
import { encodeAlive, encodeDead } from '../../../src/wire/gossip/messages.ts';
import { EMPTY_SNAPSHOT } from '../../../src/wire/gossip/snapshot.ts';
import { modelTest } from '../../support/model-test.ts';
import { streamPair } from '../../support/stream-pair.ts';

const from = { address: '10.0.0.2', port: 8301 };
const config = {
  ...CONSUL_LAN_DEFAULTS,
  name: 'a',
  address: '10.0.0.1',
  port: 8301,
  tags: { role: 'node' },
  nameConflict: 'resolve',
} as const;

const input = {
  config,
  seed: 1,
  nowMs: 0,
  keyRing: { keys: [] },
  snapshot: EMPTY_SNAPSHOT,
};

function alive(name: string, address: number): Uint8Array {
  return encodeAlive({
    Incarnation: 1,
    Node: name,
    Addr: Buffer.of(10, 0, 0, address),
    Port: 8301,
    Meta: null,
    Vsn: config.versions,
  });
}

const reply = { answer: () => {}, refuse: () => {} };
function packet(bytes: Uint8Array): PoolMachineEvent {
  return { type: 'packets.received', packets: [{ from, bytes }] };
}
const [stream] = streamPair();
const pushPull = {
  kind: 'pushPull',
  join: true,
  nodes: [],
  userState: new Uint8Array(0),
} as const;

/** Everything that may come; ids are those that the situation knows. */
function eventsOf(snapshot: AnyMachineSnapshot): readonly PoolMachineEvent[] {
  const { pool } = snapshot.context as PoolContext;
  const joinId = [...pool.joins.keys()][0] ?? 0;
  const id = [...pool.exchanges.keys()][0] ?? 0;
  const query = { acks: 'none', relayFactor: 0, timeoutMs: 0, filters: [] } as const;
  const none = Buffer.alloc(0);
  return [
    packet(alive('b', 2)),
    packet(encodeDead({ Incarnation: 1, Node: 'b', From: 'b' })),
    packet(alive('a', 9)),
    { type: 'tick', nowMs: pool.nowMs + 100_000 },
    { type: 'packets.failed', failures: [{ to: { ...from, name: 'b' }, error: new Error('x') }] },
    { type: 'members.join', addresses: ['10.0.0.2'], oldEvents: 'ignore', reply },
    { type: 'addresses.resolved', joinId, peers: [{ ...from, name: 'b' }], errors: [] },
    { type: 'exchange.answered', id, message: pushPull },
    { type: 'exchange.failed', id, error: 'refused' },
    { type: 'exchange.requested', id: 1, from, message: pushPull },
    { type: 'exchange.refused', from, error: 'no key fits' },
    { type: 'stream.opened', id, stream },
    { type: 'stream.failed', id, error: new Error('x') },
    { type: 'stream.accepted', stream },
    { type: 'members.force-leave', name: 'b', prune: false, reply },
    { type: 'user-event.fire', name: 'e', payload: none, coalesce: false, reply },
    { type: 'query.start', name: 'q', payload: none, ...query, reply },
    { type: 'query.respond', key: 'none', payload: none, reply },
    { type: 'tags.set', tags: { role: 'x' }, reply },
    { type: 'keys.change', operation: 'list', key: none, relayFactor: 0, reply },
    { type: 'members.leave', reply },
  ];
}

test('all states and transitions are reached', () => {
  const coverage = modelTest(poolMachine, {
    inputs: [input],
    events: eventsOf,
    key: ({ pool }: PoolContext) => [
      pool.members.get('b')?.status ?? 'none',
      Math.min(1, pool.joins.size),
      Math.min(1, pool.exchanges.size),
      [...pool.waits.values()].some((wait) => wait.purpose.startsWith('leave')),
      pool.ousted,
      [...pool.queries.values()].some((query) => query.owner.kind === 'conflict'),
    ],
    situationsMax: 400,
    invariant: ({ snapshot }) => {
      const { pool } = snapshot.context as PoolContext;
      expect(pool.order.length).toBeGreaterThanOrEqual(pool.nodes.size);
      expect(pool.members.has('a')).toBe(true);
    },
  });
  expect(coverage.missing).toEqual([]);
});
