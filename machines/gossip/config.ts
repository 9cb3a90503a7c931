/**
 * What a pool is told before it starts. The presets are memberlist's and serf's, and the values that
 * Consul puts on top. Durations in milliseconds.
 */

import type { PoolKind } from '../../src/model/member.ts';
import type { Admission } from './admission.ts';

/** Timing of the failure detector and of gossip. */
export interface PoolTiming {
  /** For a whole stream exchange, on each side. */
  readonly streamTimeoutMs: number;
  readonly indirectChecks: number;
  readonly retransmitMult: number;
  readonly suspicionMult: number;
  readonly suspicionMaxTimeoutMult: number;
  readonly pushPullIntervalMs: number;
  /**
   * Pause before the first push/pull, and again whenever members were added since the last: it
   * doubles up to the usual interval. For pools whose paths come up one after the other, where the
   * broadcasts of a join go nowhere and would only be made good at the usual interval. 0: not done.
   */
  readonly youngPushPullMs: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** The health score stays below this. */
  readonly awarenessMaxMultiplier: number;
  readonly gossipIntervalMs: number;
  readonly gossipNodes: number;
  readonly gossipToTheDeadMs: number;
  /** Dead for longer than this, a name may come back at another address; 0: never. */
  readonly deadNodeReclaimMs: number;
  /** Largest packet, wrappers included. */
  readonly packetBytesMax: number;
}

/** Timing and limits of the serf layer. */
export interface SerfTiming {
  readonly reapIntervalMs: number;
  readonly reconnectIntervalMs: number;
  readonly reconnectTimeoutMs: number;
  readonly tombstoneTimeoutMs: number;
  readonly recentIntentTimeoutMs: number;
  readonly broadcastTimeoutMs: number;
  readonly leavePropagateDelayMs: number;
  readonly queryTimeoutMult: number;
  readonly queryBytesMax: number;
  readonly queryResponseBytesMax: number;
  readonly userEventBytesMax: number;
  /** Slots of remembered user events and queries. */
  readonly eventSlots: number;
  readonly querySlots: number;
  /** Messages that a serf queue holds before it drops its most sent ones; doubled members if more. */
  readonly queueMin: number;
}

export const LAN_TIMING: PoolTiming = {
  streamTimeoutMs: 10_000,
  indirectChecks: 3,
  retransmitMult: 4,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  pushPullIntervalMs: 30_000,
  youngPushPullMs: 0,
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  awarenessMaxMultiplier: 8,
  gossipIntervalMs: 200,
  gossipNodes: 3,
  gossipToTheDeadMs: 30_000,
  deadNodeReclaimMs: 0,
  packetBytesMax: 1_400,
};

export const WAN_TIMING: PoolTiming = {
  ...LAN_TIMING,
  streamTimeoutMs: 30_000,
  suspicionMult: 6,
  pushPullIntervalMs: 60_000,
  probeIntervalMs: 5_000,
  probeTimeoutMs: 3_000,
  gossipIntervalMs: 500,
  gossipNodes: 4,
  gossipToTheDeadMs: 60_000,
};

/** Consul's LAN pool. */
export const CONSUL_LAN_TIMING: PoolTiming = { ...LAN_TIMING, deadNodeReclaimMs: 30_000 };

/** Consul's WAN pool; its fan-out is the LAN's. */
export const CONSUL_WAN_TIMING: PoolTiming = {
  ...WAN_TIMING,
  gossipNodes: 3,
  deadNodeReclaimMs: 30_000,
};

const HOUR_MS = 3_600_000;

export const SERF_TIMING: SerfTiming = {
  reapIntervalMs: 15_000,
  reconnectIntervalMs: 30_000,
  reconnectTimeoutMs: 24 * HOUR_MS,
  tombstoneTimeoutMs: 24 * HOUR_MS,
  recentIntentTimeoutMs: 300_000,
  broadcastTimeoutMs: 5_000,
  leavePropagateDelayMs: 1_000,
  queryTimeoutMult: 16,
  queryBytesMax: 1_024,
  queryResponseBytesMax: 1_024,
  userEventBytesMax: 512,
  eventSlots: 512,
  querySlots: 512,
  queueMin: 4_096,
};

export const CONSUL_SERF_TIMING: SerfTiming = {
  ...SERF_TIMING,
  reconnectTimeoutMs: 72 * HOUR_MS,
  leavePropagateDelayMs: 3_000,
};

/** `[pmin, pmax, pcur, dmin, dmax, dcur]`: what Consul's members send, in both pools. */
export const CONSUL_VERSIONS: Uint8Array = Uint8Array.of(1, 5, 2, 2, 5, 4);
/** What the serf agent sends. */
export const SERF_VERSIONS: Uint8Array = Uint8Array.of(1, 5, 2, 2, 5, 5);

export interface PoolConfig {
  readonly pool: PoolKind;
  readonly name: string;
  /** What members are told to reach us at. */
  readonly address: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Six bytes. */
  readonly versions: Uint8Array;
  readonly timing: PoolTiming;
  readonly serf: SerfTiming;
  readonly label: string;
  /** Plaintext from others while there are keys: `accept` is for rolling encryption out. */
  readonly incomingPlaintext: 'refuse' | 'accept';
  /** Whether ours is encrypted while there are keys. */
  readonly outgoing: 'encrypt' | 'plaintext';
  readonly compression: 'on' | 'off';
  /** Federation through gateways addresses peers by name: then every message needs one. */
  readonly names: 'required' | 'optional';
  /** Whom a stream ping may be tried on; `own-datacenter` goes by the name's suffix. */
  readonly streamPings: 'everyone' | 'own-datacenter' | 'nobody';
  readonly admission: Admission;
  /** What to do when another member claims our name: nothing, or ask the pool and yield. */
  readonly nameConflict: 'ignore' | 'resolve';
  /** What a snapshot says after a graceful leave: start afresh, or join again. */
  readonly afterLeave: 'forget' | 'rejoin';
}

/** Defaults of a pool that is not Consul's. */
export const POOL_DEFAULTS = {
  versions: SERF_VERSIONS,
  timing: LAN_TIMING,
  serf: SERF_TIMING,
  label: '',
  incomingPlaintext: 'refuse',
  outgoing: 'encrypt',
  compression: 'on',
  names: 'optional',
  streamPings: 'everyone',
  admission: { kind: 'anyone' },
  nameConflict: 'resolve',
  afterLeave: 'forget',
} as const satisfies Partial<PoolConfig>;

/** Defaults of Consul's LAN pool. */
export const CONSUL_LAN_DEFAULTS = {
  ...POOL_DEFAULTS,
  pool: 'lan',
  versions: CONSUL_VERSIONS,
  timing: CONSUL_LAN_TIMING,
  serf: CONSUL_SERF_TIMING,
  nameConflict: 'ignore',
} as const satisfies Partial<PoolConfig>;

/** Defaults of Consul's WAN pool without mesh gateways. */
export const CONSUL_WAN_DEFAULTS = {
  ...CONSUL_LAN_DEFAULTS,
  pool: 'wan',
  timing: CONSUL_WAN_TIMING,
  admission: { kind: 'consul-wan' },
} as const satisfies Partial<PoolConfig>;

/** Defaults of Consul's WAN pool with federation through mesh gateways. */
export const CONSUL_FEDERATED_WAN_DEFAULTS = {
  ...CONSUL_WAN_DEFAULTS,
  names: 'required',
  streamPings: 'own-datacenter',
} as const satisfies Partial<PoolConfig>;

/** Datacenter that a WAN name tells: the second of exactly two parts; null otherwise. */
export function datacenterOfName(name: string): string | null {
  const parts = name.split('.');
  return parts.length === 2 ? (parts[1] ?? null) : null;
}
