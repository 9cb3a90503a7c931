/** Reads what one server has, without asking its leader. */

import { DCSpecificRequest, QueryOptions } from '../../../../src/model/blocks.ts';
import { KeyRequest } from '../../../../src/model/kv.ts';
import { FEDERATION_STATE_LIST } from '../../../../src/rpc/methods/federation-state.ts';
import { INTERNAL_NODE_DUMP } from '../../../../src/rpc/methods/internal.ts';
import { KVS_LIST } from '../../../../src/rpc/methods/kvs.ts';
import type { AgentAtWork } from '../agent-client.ts';

const stale = { ...QueryOptions.of({}), AllowStale: true };

export async function federationStatesOf({ context }: AgentAtWork) {
  const request = DCSpecificRequest.of({ ...stale });
  return (await context.rpc.call(FEDERATION_STATE_LIST, request)).States ?? [];
}

export async function nodesOf({ context }: AgentAtWork) {
  const request = DCSpecificRequest.of({ ...stale });
  return (await context.rpc.call(INTERNAL_NODE_DUMP, request)).Dump ?? [];
}

export async function keysOf({ context }: AgentAtWork) {
  const request = KeyRequest.of({ ...stale, Key: '' });
  return (await context.rpc.call(KVS_LIST, request)).Entries ?? [];
}
