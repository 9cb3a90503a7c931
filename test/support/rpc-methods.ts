/** All methods of server RPC, by the modules that describe them. */

import type { RpcMethod } from '../../src/rpc/method.ts';
import * as catalog from '../../src/rpc/methods/catalog.ts';
import * as configEntry from '../../src/rpc/methods/config-entry.ts';
import * as connectCa from '../../src/rpc/methods/connect-ca.ts';
import * as coordinate from '../../src/rpc/methods/coordinate.ts';
import * as federationState from '../../src/rpc/methods/federation-state.ts';
import * as health from '../../src/rpc/methods/health.ts';
import * as intention from '../../src/rpc/methods/intention.ts';
import * as internal from '../../src/rpc/methods/internal.ts';
import * as kvs from '../../src/rpc/methods/kvs.ts';
import * as operator from '../../src/rpc/methods/operator.ts';
import * as session from '../../src/rpc/methods/session.ts';
import * as status from '../../src/rpc/methods/status.ts';

/** A method whose types are forgotten, so that all fit into one list. */
export type AnyMethod = RpcMethod<unknown, unknown>;

export const RPC_METHODS: readonly AnyMethod[] = [
  catalog,
  configEntry,
  connectCa,
  coordinate,
  federationState,
  health,
  intention,
  internal,
  kvs,
  operator,
  session,
  status,
].flatMap((module) => Object.values(module) as unknown as readonly AnyMethod[]);
