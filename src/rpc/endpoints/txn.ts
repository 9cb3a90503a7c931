/** `Txn.*` on a server. */

import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import {
  type TxnError,
  type TxnKVOp,
  type TxnOp,
  TxnRequest,
  type TxnResponse,
} from '../../model/txn.ts';
import { readTxn } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/txn.ts';
import { preparedService, refuseBadNode, withCheckId } from './catalog-write.ts';
import type { EndpointDeps } from './deps.ts';
import { consistent, queryMeta } from './read.ts';

export function txnEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.TXN_APPLY, async (request) => {
      const { ops, errors } = preparedOps(deps, request.Ops ?? []);
      if (errors.length > 0) return { Results: null, Errors: errors };
      const prepared = { ...request, Ops: ops };
      // The state machine answers a transaction with its results or with its failures.
      return (await deps.raftApply(COMMAND_TYPES.Txn, TxnRequest, prepared)) as TxnResponse;
    }),

    serve(method.TXN_READ, async (request) => {
      if (request.RequireConsistent) await consistent(deps);
      const meta = queryMeta(deps, 0);
      const { ops, errors } = preparedOps(deps, request.Ops ?? []);
      if (errors.length > 0) return { Results: null, Errors: errors, ...meta };
      return { ...readTxn(deps.store.view(), ops), ...meta };
    }),
  ];
}

interface PreparedOps {
  readonly ops: readonly TxnOp[];
  readonly errors: readonly TxnError[];
}

/** Checks and completes each operation as the method of its own kind would. */
function preparedOps(deps: EndpointDeps, ops: readonly TxnOp[]): PreparedOps {
  const prepared: TxnOp[] = [];
  const errors: TxnError[] = [];
  ops.forEach((op, OpIndex) => {
    try {
      prepared.push(preparedOp(deps, op));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      errors.push({ OpIndex, What: error.message });
    }
  });
  return { ops: prepared, errors };
}

function preparedOp(deps: EndpointDeps, op: TxnOp): TxnOp {
  if (op.KV !== null) {
    refuseKV(deps, op.KV);
  } else if (op.Node !== null) {
    if (op.Node.Verb !== 'get') refuseBadNode(op.Node.Node);
  } else if (op.Service !== null && op.Service.Verb !== 'get') {
    return { ...op, Service: { ...op.Service, Service: preparedService(op.Service.Service) } };
  } else if (op.Check !== null && op.Check.Verb !== 'get') {
    return { ...op, Check: { ...op.Check, Check: withCheckId(op.Check.Check) } };
  }
  return op;
}

/** Lock delays live in the leader's memory, so that the state machine cannot refuse for them. */
function refuseKV(deps: EndpointDeps, { Verb, DirEnt }: TxnKVOp): void {
  if (DirEnt.Key === '' && Verb !== 'delete-tree') throw new RpcError('Must provide key');
  if (Verb === 'lock' && deps.lockDelayMs(DirEnt.Key) > 0) {
    throw new RpcError(`failed to lock key ${JSON.stringify(DirEnt.Key)} due to lock delay`);
  }
}
