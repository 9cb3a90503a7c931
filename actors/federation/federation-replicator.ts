/** Binds the replicator to the primary's servers, the own store and the own raft. */

import { fromPromise } from 'xstate';
import {
  type Fetched,
  federationReplicatorMachine,
} from '../../machines/federation/federation-replicator.ts';
import type { Post } from '../../machines/routes.ts';
import { textOf } from '../../src/error-text.ts';
import type { ReplicationStep } from '../../src/federation/replication-diff.ts';
import type { SupportLatch } from '../../src/federation/support.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import type { Log } from '../../src/log.ts';
import { DCSpecificRequest } from '../../src/model/blocks.ts';
import { FederationStateRequest } from '../../src/model/federation-state.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import { FEDERATION_STATE_LIST } from '../../src/rpc/methods/federation-state.ts';
import { federationStates } from '../../src/store/read/other.ts';
import type { StoreSource } from '../../src/store/store.ts';
import type { Clock, Random } from '../../src/world/world.ts';

export interface FederationReplicatorDeps {
  readonly post: Post<'federation-replicator'>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly rpc: RpcCaller;
  readonly raftApply: RaftApply;
  readonly store: StoreSource;
  readonly support: SupportLatch;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** Replication token; empty without ACLs. */
  readonly token: () => string;
}

export function createFederationReplicatorActor(
  deps: FederationReplicatorDeps,
): typeof federationReplicatorMachine {
  const { post, log, store } = deps;
  return federationReplicatorMachine.provide({
    actors: {
      fetch: fromPromise(
        ({ input, signal }: { input: { minIndex: number }; signal: AbortSignal }) =>
          fetchStates(deps, input.minIndex, signal),
      ),
      readLocal: fromPromise(async () => federationStates(store.view()).result),
      write: fromPromise(({ input }: { input: { step: ReplicationStep } }) =>
        write(deps, input.step),
      ),
    },
    actions: {
      reportSuccess: (_, { index }) =>
        post.send('gateway-locator', { type: 'replication.succeeded', index }),
      reportFailure: (_, { error }) =>
        post.send('gateway-locator', { type: 'replication.failed', error }),
      announceFullSync: () =>
        log.warn('replication remote index moved backwards, forcing a full sync'),
      announceRetry: (_, { error }) =>
        log.warn('replication error (will retry if still leader)', { error }),
    },
  });
}

async function fetchStates(
  deps: FederationReplicatorDeps,
  minIndex: number,
  signal: AbortSignal,
): Promise<Fetched> {
  if (!deps.support.latched) return { kind: 'unsupported' };
  const request = DCSpecificRequest.of({
    Datacenter: deps.primaryDatacenter,
    AllowStale: true,
    MinQueryIndex: minIndex,
    Token: deps.token(),
  });
  try {
    const reply = await deps.rpc.call(FEDERATION_STATE_LIST, request, signal);
    return {
      kind: 'states',
      index: reply.Index,
      states: reply.States ?? [],
      nowMs: deps.clock.monotonic(),
      chance: deps.random.float(),
    };
  } catch (cause) {
    throw wrapped('failed to retrieve federation states', cause);
  }
}

async function write(deps: FederationReplicatorDeps, step: ReplicationStep): Promise<void> {
  const request = FederationStateRequest.of({
    Datacenter: deps.datacenter,
    Op: step.op,
    State: step.state,
  });
  try {
    await deps.raftApply(COMMAND_TYPES.FederationState, FederationStateRequest, request);
  } catch (cause) {
    const what = step.op === 'delete' ? 'deletions' : 'updates';
    throw wrapped(`failed to apply local federation state ${what}`, cause);
  }
}

function wrapped(text: string, cause: unknown): Error {
  return new Error(`${text}: ${textOf(cause)}`, { cause });
}
