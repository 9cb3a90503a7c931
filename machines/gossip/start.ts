/** The first state of a pool: nobody but this node, and what a snapshot remembers. */

import { ipToBytes, parseJoinAddress } from '../../src/wire/gossip/address.ts';
import type { KeyRing } from '../../src/wire/gossip/keyring.ts';
import { encodeTags } from '../../src/wire/gossip/serf.ts';
import type { SnapshotFacts } from '../../src/wire/gossip/snapshot.ts';
import type { GossipPeer } from '../routes/gossip.ts';
import type { PoolConfig } from './config.ts';
import { aliveNode, VERSIONS_BYTES } from './nodes.ts';
import type { PoolState } from './state.ts';
import { joinPeers } from './sync.ts';
import { firstSyncMs } from './upkeep.ts';
import { VIVALDI_START } from './vivaldi.ts';
import type { Work } from './work.ts';

export interface PoolInput {
  readonly config: PoolConfig;
  /** Decides all chance of the pool; 32 bits. */
  readonly seed: number;
  /** Monotonic time of the start. */
  readonly nowMs: number;
  readonly keyRing: KeyRing;
  readonly snapshot: SnapshotFacts;
}

/** The state before the pool has begun. Throws for tags or addresses that cannot be. */
export function initialState(input: PoolInput): PoolState {
  const { config, nowMs, snapshot } = input;
  const clock = (value: bigint): bigint => (value > 0n ? value + 1n : 1n);
  return {
    config,
    nowMs,
    random: input.seed | 0,
    keyRing: input.keyRing,
    tags: config.tags,
    leave: 'no',
    nodes: new Map(),
    order: [],
    orderAt: 0,
    sequence: 0,
    incarnation: 0,
    health: 0,
    suspicions: new Map(),
    probe: null,
    relays: new Map(),
    exchanges: new Map(),
    joins: new Map(),
    nextId: 1,
    queue: [],
    probeAtMs: nowMs,
    gossipAtMs: nowMs,
    syncAtMs: nowMs,
    syncPaceMs: config.timing.youngPushPullMs,
    syncedNodes: 0,
    members: new Map(),
    facts: new Map(),
    intents: new Map(),
    prunes: new Map(),
    clock: clock(snapshot.clock),
    eventClock: clock(snapshot.eventClock),
    queryClock: clock(snapshot.queryClock),
    eventMin: snapshot.eventClock > 0n ? snapshot.eventClock + 1n : 0n,
    queryMin: snapshot.queryClock > 0n ? snapshot.queryClock + 1n : 0n,
    eventSlots: new Map(),
    querySlots: new Map(),
    queries: new Map(),
    open: new Map(),
    waits: new Map(),
    intentQueue: [],
    queryQueue: [],
    eventQueue: [],
    reapAtMs: nowMs + config.serf.reapIntervalMs,
    reconnectAtMs: nowMs + config.serf.reconnectIntervalMs,
    savedClock: 0n,
    vivaldi: VIVALDI_START,
    coordinates: new Map(),
    toldCoordinates: null,
    coordinatesAtMs: nowMs,
    viewVersion: 0,
    counts: { packetsUnreadable: 0, messagesDropped: 0, probesFailed: 0, refutations: 0 },
    logs: { sinceMs: nowMs, lines: 0, dropped: 0 },
    conflicted: false,
    ousted: false,
  };
}

/** This node enters its own table, timers get their random beginnings, old peers are called. */
export function startPool(work: Work, snapshot: SnapshotFacts): void {
  const { config, values } = work;
  const { timing } = config;
  const meta = encodeTags(values.tags);
  if (!meta.ok) throw new RangeError(meta.error);
  const address = ipToBytes(config.address);
  if (address === null) throw new RangeError(`"${config.address}" is no IP address`);
  if (config.versions.length !== VERSIONS_BYTES) {
    throw new RangeError(`${config.versions.length} bytes of versions, ${VERSIONS_BYTES} needed`);
  }
  values.incarnation = 1;
  const alive = {
    Incarnation: 1,
    Node: config.name,
    Addr: address,
    Port: config.port,
    Meta: meta.value,
    Vsn: config.versions,
  };
  aliveNode(work, alive, 'bootstrap');
  values.probeAtMs = work.now + work.random() * timing.probeIntervalMs;
  values.gossipAtMs = work.now + work.random() * timing.gossipIntervalMs;
  values.syncAtMs = work.now + firstSyncMs(work);
  const peers = previousPeers(work, snapshot);
  if (peers.length > 0) joinPeers(work, peers, 'rejoin');
}

/** Members that were alive before the restart, in random order. */
function previousPeers(work: Work, snapshot: SnapshotFacts): GossipPeer[] {
  const peers: GossipPeer[] = [];
  for (const [name, text] of snapshot.alive) {
    const { host, port } = parseJoinAddress(text, work.config.port);
    if (name === work.config.name || ipToBytes(host) === null) continue;
    peers.splice(work.randomInt(peers.length + 1), 0, { name, address: host, port });
  }
  return peers;
}
