/** Transactions: several operations at one index, all or none. */

import { i64, pointer, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { QueryMeta, QueryOptions, WriteRequest } from './blocks.ts';
import { Node, NodeService } from './catalog.ts';
import { HealthCheck } from './health-check.ts';
import { IntentionRequest } from './intention.ts';
import { DirEntry } from './kv.ts';
import { Session } from './session.ts';

/** Operations in one transaction; the HTTP door refuses more. */
export const TXN_OPS_MAX = 64;

export const TxnKVOp = struct({ Verb: str, DirEnt: DirEntry });
export type TxnKVOp = TypeOf<typeof TxnKVOp>;

export const TxnNodeOp = struct({ Verb: str, Node });
export type TxnNodeOp = TypeOf<typeof TxnNodeOp>;

export const TxnServiceOp = struct({ Verb: str, Node: str, Service: NodeService });
export type TxnServiceOp = TypeOf<typeof TxnServiceOp>;

export const TxnCheckOp = struct({ Verb: str, Check: HealthCheck });
export type TxnCheckOp = TypeOf<typeof TxnCheckOp>;

export const TxnSessionOp = struct({ Verb: str, Session });
export type TxnSessionOp = TypeOf<typeof TxnSessionOp>;

/** Exactly one field is set. */
export const TxnOp = struct({
  KV: pointer(TxnKVOp),
  Node: pointer(TxnNodeOp),
  Service: pointer(TxnServiceOp),
  Check: pointer(TxnCheckOp),
  Session: pointer(TxnSessionOp),
  Intention: pointer(IntentionRequest),
});
export type TxnOp = TypeOf<typeof TxnOp>;

const KV_WRITE_VERBS: ReadonlySet<string> = new Set([
  'set',
  'delete',
  'delete-cas',
  'delete-tree',
  'cas',
  'lock',
  'unlock',
]);

/**
 * Whether an operation changes the store. Unknown verbs count as reads of keys but as writes of
 * everything else, as Consul counts them.
 */
export function isTxnWrite({ KV, Node, Service, Check, Session, Intention }: TxnOp): boolean {
  if (KV !== null) return KV_WRITE_VERBS.has(KV.Verb);
  const other = Node ?? Service ?? Check;
  if (other !== null) return other.Verb !== 'get';
  return Session !== null || Intention !== null;
}

export const TxnRequest = struct({
  Datacenter: str,
  Ops: slice(TxnOp),
  ...WriteRequest.fields,
});
export type TxnRequest = TypeOf<typeof TxnRequest>;

export const TxnReadRequest = struct({
  Datacenter: str,
  Ops: slice(TxnOp),
  ...QueryOptions.fields,
});
export type TxnReadRequest = TypeOf<typeof TxnReadRequest>;

export const TxnResult = struct({
  KV: pointer(DirEntry),
  Node: pointer(Node),
  Service: pointer(NodeService),
  Check: pointer(HealthCheck),
});
export type TxnResult = TypeOf<typeof TxnResult>;

export const TxnError = struct({ OpIndex: i64, What: str });
export type TxnError = TypeOf<typeof TxnError>;

export const TxnResponse = struct({ Results: slice(TxnResult), Errors: slice(TxnError) });
export type TxnResponse = TypeOf<typeof TxnResponse>;

export const TxnReadResponse = struct({ ...TxnResponse.fields, ...QueryMeta.fields });
export type TxnReadResponse = TypeOf<typeof TxnReadResponse>;
