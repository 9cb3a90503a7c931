/** Messages and context of the retry-joiner. */

import type { Message } from '../messages.ts';

export type RetryJoinVariant = 'lan' | 'wan' | 'primary-gateways';

/**
 * What to keep an eye on once joined. `primary`: a server of the primary is alive in the WAN pool;
 * `others`: one of every other datacenter is; `nothing`: the task is over with the first success.
 */
export type Watched = 'primary' | 'others' | 'nothing';

export interface RetryJoinInput {
  readonly variant: RetryJoinVariant;
  /** As configured, discovery entries included. */
  readonly addresses: readonly string[];
  /** 0 = for ever. With n, n + 1 attempts are made, as Consul counts. */
  readonly attemptsMax: number;
  readonly intervalMs: number;
  /** `gateways`: not before a gateway toward the primary can be picked. */
  readonly startsWith: 'at once' | 'gateways';
  readonly watched: Watched;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
}

export interface RetryJoinContext extends RetryJoinInput {
  /** Attempts that failed since the start; not counted any more after the first success. */
  readonly attempt: number;
  /** How often nobody was known to join, counted up to a limit. */
  readonly lookups: number;
  readonly joinedOnce: boolean;
  /** What is watched is there, as gossip has it. */
  readonly heard: boolean;
  /** Replication fails through the own gateways. */
  readonly pathBroken: boolean;
  readonly found: readonly string[];
  /** Of the last attempt. */
  readonly error: string;
}

export type RetryJoinEvent = Message<
  'gateways.ready' | 'primary-gateways.learned' | 'primary-path.changed' | 'wan-members.changed'
>;
