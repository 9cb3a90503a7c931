/** `KVS.*` on a server. */

import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import { type KVOp, KVSRequest } from '../../model/kv.ts';
import { kvGet, kvKeys, kvList, sessionById } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/kvs.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead } from './read.ts';
import { validSessionId } from './session.ts';

export function kvsEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.KVS_APPLY, async (request) => {
      if (!mayApply(deps, request)) return false;
      const response = await deps.raftApply(COMMAND_TYPES.KVS, KVSRequest, request);
      return response === true;
    }),

    serve(method.KVS_GET, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = kvGet(reader, request.Key);
        return { index, result: { Entries: result === null ? null : [result] } };
      }),
    ),

    serve(method.KVS_LIST, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = kvList(reader, request.Key);
        return { index, result: { Entries: result.length === 0 ? null : result } };
      }),
    ),

    serve(method.KVS_LIST_KEYS, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = kvKeys(reader, request.Prefix, request.Seperator);
        return { index, result: { Keys: result.length === 0 ? null : result } };
      }),
    ),
  ];
}

/**
 * Checks what only the leader can: false means that a lock is refused because the key is within its
 * lock delay, which lives in the leader's memory. Throws what would fail anyway.
 */
function mayApply(deps: EndpointDeps, { Op, DirEnt }: KVSRequest): boolean {
  const op = Op as KVOp;
  if (DirEnt.Key === '' && op !== 'delete-tree') throw new RpcError('Must provide key');
  if (op !== 'lock') return true;
  if (DirEnt.Session === '') throw new RpcError('missing session');
  validSessionId(DirEnt.Session);
  const { result } = sessionById(deps.store.view(), DirEnt.Session);
  if (result === null) throw new RpcError(`invalid session ${JSON.stringify(DirEnt.Session)}`);
  return deps.lockDelayMs(DirEnt.Key) <= 0;
}
