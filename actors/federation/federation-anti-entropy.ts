/** Binds the anti-entropy of the own record to the own store and to the primary. */

import { fromPromise } from 'xstate';
import {
  federationAntiEntropyMachine,
  type OwnState,
} from '../../machines/federation/federation-anti-entropy.ts';
import { textOf } from '../../src/error-text.ts';
import { GATEWAY_KIND } from '../../src/federation/gateway-addresses.ts';
import type { SupportLatch } from '../../src/federation/support.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import type { Log } from '../../src/log.ts';
import type { CheckServiceNode } from '../../src/model/catalog.ts';
import { FederationState, FederationStateRequest } from '../../src/model/federation-state.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import { FEDERATION_STATE_APPLY } from '../../src/rpc/methods/federation-state.ts';
import { blockingQuery } from '../../src/store/blocking-query.ts';
import { serviceDumpByKind } from '../../src/store/read/health.ts';
import { federationState } from '../../src/store/read/other.ts';
import type { StoreSource } from '../../src/store/store.ts';
import { goTimeFromUnixMs } from '../../src/wire/msgpack/time.ts';
import type { Clock, Random } from '../../src/world/world.ts';

export interface FederationAntiEntropyDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly rpc: RpcCaller;
  readonly raftApply: RaftApply;
  /** Rejects when this server is not the leader any more. */
  readonly verifyLeader: () => Promise<void>;
  readonly store: StoreSource;
  readonly support: SupportLatch;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** Replication token; empty without ACLs. */
  readonly token: () => string;
}

export function createFederationAntiEntropyActor(
  deps: FederationAntiEntropyDeps,
): typeof federationAntiEntropyMachine {
  const { log } = deps;
  return federationAntiEntropyMachine.provide({
    actors: {
      read: fromPromise(({ input, signal }: { input: { minIndex: number }; signal: AbortSignal }) =>
        readOwn(deps, input.minIndex, signal),
      ),
      write: fromPromise(({ input }: { input: { gateways: readonly CheckServiceNode[] } }) =>
        writeOwn(deps, input.gateways),
      ),
    },
    actions: {
      announceSkipped: () =>
        log.debug('federation state anti-entropy sync skipped; already up to date'),
      announceSynced: () => log.info('federation state anti-entropy synced'),
      announceFailure: (_, { error }) =>
        log.error('error performing anti-entropy sync of federation state', { error }),
    },
  });
}

async function readOwn(
  deps: FederationAntiEntropyDeps,
  minQueryIndex: number,
  signal: AbortSignal,
): Promise<OwnState> {
  if (!deps.support.latched) return { kind: 'unsupported' };
  try {
    await deps.verifyLeader();
    const { index, result } = await blockingQuery(
      deps,
      { minQueryIndex, maxQueryTimeMs: 0, signal },
      (reader) => {
        const record = federationState(reader, deps.datacenter);
        const gateways = serviceDumpByKind(reader, GATEWAY_KIND);
        return {
          index: Math.max(record.index, gateways.index),
          result: { record: record.result, gateways: gateways.result },
        };
      },
    );
    return { kind: 'read', index, ...result, nowMs: deps.clock.monotonic() };
  } catch (cause) {
    throw wrapped(cause);
  }
}

async function writeOwn(
  deps: FederationAntiEntropyDeps,
  gateways: readonly CheckServiceNode[],
): Promise<void> {
  const request = FederationStateRequest.of({
    Op: 'upsert',
    State: FederationState.of({
      Datacenter: deps.datacenter,
      // As Go has it: no gateways are a nil slice, and peers compare the two as different.
      MeshGateways: gateways.length === 0 ? null : gateways,
      UpdatedAt: goTimeFromUnixMs(deps.clock.now()),
    }),
  });
  try {
    if (deps.datacenter === deps.primaryDatacenter) {
      await deps.raftApply(COMMAND_TYPES.FederationState, FederationStateRequest, request);
    } else {
      await deps.rpc.call(FEDERATION_STATE_APPLY, { ...request, Token: deps.token() });
    }
  } catch (cause) {
    throw wrapped(cause);
  }
}

function wrapped(cause: unknown): Error {
  const text = textOf(cause);
  return new Error(`error performing federation state anti-entropy sync: ${text}`, { cause });
}
