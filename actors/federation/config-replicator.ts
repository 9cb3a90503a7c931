/** Binds the copying of config entries to the primary's servers, the own store and the own raft. */

import { fromPromise } from 'xstate';
import {
  type ApplyInput,
  configReplicatorMachine,
  type FetchedEntries,
} from '../../machines/federation/config-replicator.ts';
import { textOf } from '../../src/error-text.ts';
import { configReplicationSteps } from '../../src/federation/config-replication.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import type { Log } from '../../src/log.ts';
import { CONFIG_ENTRY_KINDS, ConfigEntryRequest } from '../../src/model/config-entry.ts';
import { ConfigEntryListAllRequest } from '../../src/model/config-entry-rpc.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import { CONFIG_ENTRY_LIST_ALL } from '../../src/rpc/methods/config-entry.ts';
import { configEntries } from '../../src/store/read/other.ts';
import type { StoreSource } from '../../src/store/store.ts';

export interface ConfigReplicatorDeps {
  readonly log: Log;
  readonly rpc: RpcCaller;
  readonly raftApply: RaftApply;
  readonly store: StoreSource;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** Replication token; empty without ACLs. */
  readonly token: () => string;
}

export function createConfigReplicatorActor(
  deps: ConfigReplicatorDeps,
): typeof configReplicatorMachine {
  return configReplicatorMachine.provide({
    actors: {
      fetch: fromPromise(
        ({ input, signal }: { input: { minIndex: number }; signal: AbortSignal }) =>
          fetchEntries(deps, input.minIndex, signal),
      ),
      apply: fromPromise(({ input, signal }: { input: ApplyInput; signal: AbortSignal }) =>
        apply(deps, input, signal),
      ),
    },
    actions: {
      announceRetry: (_, { error }) =>
        deps.log.warn('replication error (will retry if still leader)', { error }),
    },
  });
}

async function fetchEntries(
  { rpc, primaryDatacenter, token }: ConfigReplicatorDeps,
  minIndex: number,
  signal: AbortSignal,
): Promise<FetchedEntries> {
  const request = ConfigEntryListAllRequest.of({
    Datacenter: primaryDatacenter,
    Kinds: [...CONFIG_ENTRY_KINDS],
    AllowStale: true,
    MinQueryIndex: minIndex,
    Token: token(),
  });
  try {
    const { Index, Entries } = await rpc.call(CONFIG_ENTRY_LIST_ALL, request, signal);
    return { index: Index, entries: Entries };
  } catch (cause) {
    throw wrapped('failed to retrieve remote config entries', cause);
  }
}

async function apply(
  { store, raftApply, datacenter }: ConfigReplicatorDeps,
  { fetched, lastIndex }: ApplyInput,
  signal: AbortSignal,
): Promise<void> {
  const local = configEntries(store.view()).result;
  for (const { op, entry } of configReplicationSteps(fetched.entries, local, lastIndex)) {
    signal.throwIfAborted();
    const request = { Kind: entry.Kind, Datacenter: datacenter, Op: op, Token: '', Entry: entry };
    try {
      await raftApply(COMMAND_TYPES.ConfigEntry, ConfigEntryRequest, request);
    } catch (cause) {
      throw wrapped(`Failed to apply config ${op}`, cause);
    }
  }
}

function wrapped(text: string, cause: unknown): Error {
  return new Error(`${text}: ${textOf(cause)}`, { cause });
}
