/** Binds the pruning of federation states to the store, the WAN pool and raft. */

import { fromPromise } from 'xstate';
import { federationPrunerMachine } from '../../machines/federation/federation-pruner.ts';
import { textOf } from '../../src/error-text.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import type { Log } from '../../src/log.ts';
import { FederationState, FederationStateRequest } from '../../src/model/federation-state.ts';
import { federationStates } from '../../src/store/read/other.ts';
import type { StoreSource } from '../../src/store/store.ts';

export interface FederationPrunerDeps {
  readonly log: Log;
  readonly raftApply: RaftApply;
  readonly store: StoreSource;
  readonly datacenter: string;
  /** Datacenters with at least one member in the WAN pool, failed ones included. */
  readonly knownDatacenters: () => readonly string[];
}

export function createFederationPrunerActor(
  deps: FederationPrunerDeps,
): typeof federationPrunerMachine {
  return federationPrunerMachine.provide({
    actors: { prune: fromPromise(() => prune(deps)) },
    actions: {
      announceFailure: (_, { error }) =>
        deps.log.error('error pruning stale federation states', { error }),
    },
  });
}

async function prune(deps: FederationPrunerDeps): Promise<void> {
  const known = new Set(deps.knownDatacenters().map((dc) => dc.toLowerCase()));
  known.add(deps.datacenter);
  for (const { Datacenter } of federationStates(deps.store.view()).result) {
    if (known.has(Datacenter.toLowerCase())) continue;
    deps.log.info('pruning stale federation state', { datacenter: Datacenter });
    const request = FederationStateRequest.of({
      Op: 'delete',
      State: FederationState.of({ Datacenter }),
    });
    try {
      await deps.raftApply(COMMAND_TYPES.FederationState, FederationStateRequest, request);
    } catch (cause) {
      const text = textOf(cause);
      throw new Error(`Failed to delete federation state ${Datacenter}: ${text}`, { cause });
    }
  }
}
