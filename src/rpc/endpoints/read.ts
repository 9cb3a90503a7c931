/** How a read is answered: consistency first, then the query, blocking if asked, then its meta data. */

import type { QueryMeta, QueryOptions } from '../../model/blocks.ts';
import { blockingQuery, type Indexed } from '../../store/blocking-query.ts';
import type { StoreReader } from '../../store/view.ts';
import { pause } from '../../world/pause.ts';
import type { TimerId } from '../../world/world.ts';
import { RpcError, type RpcOrigin } from '../method.ts';
import type { EndpointDeps } from './deps.ts';

/** Answer to a consistent read that a new leader cannot give in time (Consul 1.9). */
const NOT_READY = 'Not ready to serve consistent reads';
/** Answer to a stale read while the state is read from a disk. Consul opens its ports after that. */
const NOT_RESTORED = 'the state of this server is still being restored';
const RESTORED_POLL_MS = 20;
const NS_PER_MS = 1e6;
/** How long a new leader may take to be ready for consistent reads (`rpc_hold_timeout`). */
const READY_TIMEOUT_MS = 7000;
/** Readiness is looked at again after a random part of this. */
const READY_POLL_MS = READY_TIMEOUT_MS / 16;

/** Runs a read and adds the meta data of its answer. */
export async function answerRead<T extends object>(
  deps: EndpointDeps,
  options: QueryOptions,
  origin: RpcOrigin,
  read: (reader: StoreReader) => Indexed<T>,
): Promise<T & QueryMeta> {
  if (options.RequireConsistent) await consistent(deps);
  else if (!options.AllowStale) await current(deps);
  else await restored(deps);
  const blocking = {
    minQueryIndex: options.MinQueryIndex,
    maxQueryTimeMs: options.MaxQueryTime / NS_PER_MS,
    signal: origin.signal,
  };
  const { index, result } = await blockingQuery(deps, blocking, read);
  return { ...result, ...queryMeta(deps, index) };
}

export function queryMeta(deps: EndpointDeps, index: number): QueryMeta {
  const view = deps.consensus.view();
  return {
    Index: index,
    LastContact: view.leading ? 0 : Math.round((view.lastContactMs ?? 0) * NS_PER_MS),
    KnownLeader: view.leading || view.leaderAddress !== null,
    ConsistencyLevel: '',
    NotModified: false,
  };
}

/**
 * Waits until this server may answer a consistent read; rejects when it is not the leader. At most
 * this long in all: heartbeats may be answered while nothing can be committed.
 */
export async function consistent(deps: EndpointDeps): Promise<void> {
  const giveUpAt = deps.clock.monotonic() + READY_TIMEOUT_MS;
  await limited(deps, deps.consensus.verifyLeader());
  const pauseMs = deps.random.float() * READY_POLL_MS;
  while (!deps.consensus.view().readyForConsistentReads) {
    if (deps.clock.monotonic() >= giveUpAt) throw new RpcError(NOT_READY);
    await pause(deps.clock, pauseMs);
  }
}

/** A server that has just started reads its disk first: until then an empty store means nothing. */
async function restored({ clock, consensus }: EndpointDeps): Promise<void> {
  const giveUpAt = clock.monotonic() + READY_TIMEOUT_MS;
  while (!consensus.restored()) {
    if (clock.monotonic() >= giveUpAt) throw new RpcError(NOT_RESTORED);
    await pause(clock, RESTORED_POLL_MS);
  }
}

/**
 * A leader that was stopped, or cut off, does not know what happened meanwhile: once its lease is
 * over by its own clock it asks the others before it answers for them.
 */
async function current(deps: EndpointDeps): Promise<void> {
  const { consensus } = deps;
  if (!consensus.view().leading || consensus.holdsLease()) return;
  await limited(deps, consensus.verifyLeader());
}

async function limited({ clock }: EndpointDeps, verified: Promise<void>): Promise<void> {
  let timer: TimerId | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => reject(new RpcError(NOT_READY)), READY_TIMEOUT_MS);
  });
  try {
    await Promise.race([verified, late]);
  } finally {
    if (timer !== undefined) clock.clearTimeout(timer);
  }
}
