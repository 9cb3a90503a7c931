/** Transactions: the body of `PUT /v1/txn` and its answer. */

import type { DirEntry } from '../../model/kv.ts';
import { Session } from '../../model/session.ts';
import type {
  TxnError,
  TxnKVOp,
  TxnOp,
  TxnReadResponse,
  TxnResponse,
  TxnResult,
} from '../../model/txn.ts';
import { healthCheckInput, NODE_SERVICE_FIELDS } from './bodies.ts';
import {
  base64,
  bigUint,
  into,
  type JsonInput,
  list as listInput,
  map,
  object as objectInput,
  pointer,
  str as strInput,
  uint,
} from './input.ts';
import {
  checkWithNilTagsJson,
  kvPairJson,
  nodeJson,
  nodeServiceWithNilTagsJson,
} from './objects.ts';
import { bool, int, type JsonOutput, list, nullable, object, omit, str } from './output.ts';

/** An index to compare with; those beyond 2^53 equal none, as the largest exact number does. */
const indexInput: JsonInput<number> = into(bigUint, (index) =>
  Math.min(Number(index), Number.MAX_SAFE_INTEGER),
);

const kvInput = into(
  objectInput(
    {
      Verb: strInput,
      Key: strInput,
      Value: base64,
      Flags: bigUint,
      Index: indexInput,
      Session: strInput,
    },
    { name: 'KVTxnOp', unknown: 'refuse' },
  ),
  ({ Verb, Key, Value, Flags, Index, Session }): TxnKVOp => {
    const DirEnt: DirEntry = {
      LockIndex: 0,
      Key,
      Flags,
      Value,
      Session,
      CreateIndex: 0,
      ModifyIndex: Index,
    };
    return { Verb, DirEnt };
  },
);

const nodeInput = objectInput(
  {
    Verb: strInput,
    Node: objectInput(
      {
        ID: strInput,
        Node: strInput,
        Address: strInput,
        Datacenter: strInput,
        TaggedAddresses: map(strInput),
        Meta: map(strInput),
        CreateIndex: uint,
        ModifyIndex: uint,
      },
      { name: 'Node', unknown: 'refuse' },
    ),
  },
  { name: 'NodeTxnOp', unknown: 'refuse' },
);

/** Clients send back what agents told them of a service; its hash and datacenter mean nothing here. */
const serviceInput = into(
  objectInput(
    { ...NODE_SERVICE_FIELDS, ContentHash: strInput, Datacenter: strInput },
    { name: 'AgentService', unknown: 'refuse' },
  ),
  ({ ContentHash: _hash, Datacenter: _datacenter, ...service }) => ({
    ...service,
    LocallyRegisteredAsSidecar: false,
  }),
);

const sessionInput = into(
  objectInput({ ID: strInput }, { name: 'Session', unknown: 'ignore' }),
  ({ ID }) => Session.of({ ID }),
);

/** Operations as clients send them: one kind each; an empty object is none. */
export const txnInput = listInput(
  into(
    objectInput(
      {
        KV: pointer(kvInput),
        Node: pointer(nodeInput),
        Service: pointer(
          objectInput(
            { Verb: strInput, Node: strInput, Service: serviceInput },
            { name: 'ServiceTxnOp', unknown: 'refuse' },
          ),
        ),
        Check: pointer(
          objectInput(
            { Verb: strInput, Check: healthCheckInput },
            { name: 'CheckTxnOp', unknown: 'refuse' },
          ),
        ),
        Session: pointer(
          objectInput(
            { Verb: strInput, Session: sessionInput },
            { name: 'SessionTxnOp', unknown: 'refuse' },
          ),
        ),
      },
      { name: 'TxnOp', unknown: 'refuse' },
    ),
    (op): TxnOp => ({ ...op, Intention: null }),
  ),
  'api.TxnOps',
);

const resultJson = object<TxnResult>({
  KV: omit(nullable(kvPairJson)),
  Node: omit(nullable(nodeJson)),
  Service: omit(nullable(nodeServiceWithNilTagsJson)),
  Check: omit(nullable(checkWithNilTagsJson)),
});
const errorJson = object<TxnError>({ OpIndex: int, What: str });
const OUTCOME = { Results: list(resultJson, 'null'), Errors: list(errorJson, 'null') } as const;

export const txnResponseJson: JsonOutput<TxnResponse> = object<TxnResponse>(OUTCOME);

/** `LastContact` is in nanoseconds. */
export const txnReadResponseJson: JsonOutput<TxnReadResponse> = object<TxnReadResponse>({
  ...OUTCOME,
  Index: int,
  LastContact: int,
  KnownLeader: bool,
  ConsistencyLevel: str,
  NotModified: bool,
});
