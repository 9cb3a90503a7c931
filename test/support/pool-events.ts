/** Everything that may come to the chart of a pool, as its model tests send it. */

import type { AnyMachineSnapshot } from 'xstate';
import { CONSUL_LAN_DEFAULTS } from '../../machines/gossip/config.ts';
import type { PoolContext, PoolMachineEvent } from '../../machines/gossip/pool.ts';
import { encodeAlive, encodeDead } from '../../src/wire/gossip/messages.ts';
import { EMPTY_SNAPSHOT } from '../../src/wire/gossip/snapshot.ts';
import { streamPair } from './stream-pair.ts';

const from = { address: '10.0.0.2', port: 8301 };
const config = {
  ...CONSUL_LAN_DEFAULTS,
  name: 'a',
  address: '10.0.0.1',
  port: 8301,
  tags: { role: 'node' },
  nameConflict: 'resolve',
} as const;

/** A member that knows nobody. */
export const modelInput = {
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
export function eventsOf(snapshot: AnyMachineSnapshot): readonly PoolMachineEvent[] {
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
