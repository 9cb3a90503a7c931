/** Binds the mesh's certificate authority to the store, raft and the primary's servers. */

import { fromPromise } from 'xstate';
import { connectCaMachine } from '../../machines/server/connect-ca.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import {
  type AuthorityDeps,
  type AuthoritySettings,
  foundAuthority,
} from '../../src/connect/authority.ts';
import { adoptRoots } from '../../src/connect/secondary.ts';
import type { Log } from '../../src/log.ts';
import { DCSpecificRequest } from '../../src/model/blocks.ts';
import { CASignRequest, type IndexedCARoots } from '../../src/model/connect-ca.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import {
  CONNECT_CA_ROOTS,
  CONNECT_CA_SIGN_INTERMEDIATE,
} from '../../src/rpc/methods/connect-ca.ts';

/** How long the primary may hold the poll of its roots; the lifetime is looked at in between. */
const POLL_NANOSECONDS = 600e9;

export interface ConnectCaDeps extends AuthorityDeps {
  readonly log: Log;
  readonly rpc: RpcCaller;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  readonly settings: AuthoritySettings;
  /** Replication token; empty without ACLs. */
  readonly token: () => string;
}

export function createConnectCaActor(deps: ConnectCaDeps): typeof connectCaMachine {
  const { log } = deps;
  return connectCaMachine.provide({
    actors: {
      found: fromPromise(() => foundAuthority(deps, deps.settings)),
      fetch: fromPromise(
        ({ input, signal }: { input: { minIndex: number }; signal: AbortSignal }) =>
          fetchRoots(deps, input.minIndex, signal),
      ),
      adopt: fromPromise(
        ({ input, signal }: { input: { roots: IndexedCARoots | null }; signal: AbortSignal }) =>
          adopt(deps, input.roots, signal),
      ),
    },
    actions: {
      announceFounded: () => log.info('initialized primary datacenter CA with provider'),
      announceRetry: (_, { error }) =>
        log.warn('CA initialization failed (will retry if still leader)', { error }),
    },
  });
}

/** The authority as a duty of the leader. */
export function connectCaDuty(deps: ConnectCaDeps): ChildSpec {
  const role = deps.datacenter === deps.primaryDatacenter ? 'primary' : 'secondary';
  return {
    id: 'connect-ca',
    logic: createConnectCaActor(deps),
    input: { role },
    restart: 'permanent',
    shutdownMs: 0,
  };
}

function fetchRoots(
  { rpc, primaryDatacenter }: ConnectCaDeps,
  minIndex: number,
  signal: AbortSignal,
): Promise<IndexedCARoots> {
  const request = DCSpecificRequest.of({
    Datacenter: primaryDatacenter,
    MinQueryIndex: minIndex,
    MaxQueryTime: POLL_NANOSECONDS,
  });
  return rpc.call(CONNECT_CA_ROOTS, request, signal);
}

function adopt(
  deps: ConnectCaDeps,
  roots: IndexedCARoots | null,
  signal: AbortSignal,
): Promise<void> {
  if (roots === null) return Promise.resolve();
  const sign = (CSR: string): Promise<string> =>
    deps.rpc.call(
      CONNECT_CA_SIGN_INTERMEDIATE,
      CASignRequest.of({ Datacenter: deps.primaryDatacenter, CSR, Token: deps.token() }),
      signal,
    );
  return adoptRoots({ ...deps, sign }, deps.settings, roots);
}
