/**
 * Transactions of several operations. Every operation is tried, so that all failures are reported;
 * one failure undoes them all.
 */

import {
  isTxnWrite,
  type TxnCheckOp,
  type TxnError,
  type TxnKVOp,
  type TxnNodeOp,
  type TxnOp,
  type TxnResponse,
  type TxnServiceOp,
  type TxnSessionOp,
} from '../../model/txn.ts';
import {
  checkText,
  findCheck,
  findNode,
  kvResult,
  NO_TXN_RESULT,
  readCheck,
  readNode,
  readService,
  readTxnOp,
  type TxnResults,
  tryOps,
} from '../read/txn.ts';
import { StoreError, type Transaction } from '../transaction.ts';
import { deleteCheck, deleteCheckCas, ensureCheck, ensureCheckCas } from './check.ts';
import { quoted, refuse, wrapped } from './errors.ts';
import { kvDelete, kvDeleteCas, kvDeleteTree, kvLock, kvSet, kvSetCas, kvUnlock } from './kv.ts';
import { deleteNode, deleteNodeCas, ensureNode, ensureNodeCas } from './node.ts';
import {
  deleteService,
  deleteServiceCas,
  ensureService,
  ensureServiceCas,
  staleService,
} from './service.ts';
import { removeSessionRow } from './session.ts';

/** Carries the failures out of the command that they undo. */
export class TxnFailure extends StoreError {
  readonly errors: readonly TxnError[];

  constructor(errors: readonly TxnError[]) {
    super('transaction failed');
    this.errors = errors;
  }
}

/** Applies all operations; throws `TxnFailure` when one fails. */
export function applyTxn(tx: Transaction, ops: readonly TxnOp[]): TxnResponse {
  const { results, errors } = tryOps(ops, (op) => applyOp(tx, op));
  if (errors.length > 0) throw new TxnFailure(errors);
  return { Results: results.length === 0 ? null : results, Errors: null };
}

function applyOp(tx: Transaction, op: TxnOp): TxnResults {
  if (!isTxnWrite(op)) return readTxnOp(tx, op);
  if (op.KV !== null) return applyKV(tx, op.KV);
  if (op.Node !== null) return applyNode(tx, op.Node);
  if (op.Service !== null) return applyService(tx, op.Service);
  if (op.Check !== null) return applyCheck(tx, op.Check);
  if (op.Session !== null) return applySession(tx, op.Session);
  return refuse('no operation specified');
}

function applyKV(tx: Transaction, { Verb, DirEnt }: TxnKVOp): TxnResults {
  const key = quoted(DirEnt.Key);
  switch (Verb) {
    case 'set':
      return kvResult(kvSet(tx, DirEnt));
    case 'delete':
      kvDelete(tx, DirEnt.Key);
      return NO_TXN_RESULT;
    case 'delete-cas':
      if (!kvDeleteCas(tx, DirEnt.ModifyIndex, DirEnt.Key)) {
        refuse(`failed to delete key ${key}, index is stale`);
      }
      return NO_TXN_RESULT;
    case 'delete-tree':
      kvDeleteTree(tx, DirEnt.Key);
      return NO_TXN_RESULT;
    case 'cas':
      return kvResult(kvSetCas(tx, DirEnt) ?? refuse(`failed to set key ${key}, index is stale`));
    case 'lock':
      return kvResult(
        kvLock(tx, DirEnt) ?? refuse(`failed to lock key ${key}, lock is already held`),
      );
    case 'unlock':
      return kvResult(
        kvUnlock(tx, DirEnt) ??
          refuse(`failed to unlock key ${key}, lock isn't held, or is held by another session`),
      );
    default:
      return refuse(`unknown KV verb ${quoted(Verb)}`);
  }
}

function applyNode(tx: Transaction, { Verb, Node: node }: TxnNodeOp): TxnResults {
  const name = quoted(node.Node);
  switch (Verb) {
    case 'set':
      ensureNode(tx, node);
      return readNode(tx, node);
    case 'cas':
      if (!casOrNothing(() => ensureNodeCas(tx, node.ModifyIndex, node))) {
        refuse(`failed to set node ${name}, index is stale`);
      }
      return findNode(tx, node);
    case 'delete':
      deleteNode(tx, node.Node);
      return NO_TXN_RESULT;
    case 'delete-cas':
      if (!deleteNodeCas(tx, node.ModifyIndex, node)) {
        refuse(`failed to delete node ${name}, index is stale`);
      }
      return NO_TXN_RESULT;
    default:
      return refuse(`unknown Node verb ${quoted(Verb)}`);
  }
}

function applyService(tx: Transaction, op: TxnServiceOp): TxnResults {
  const { Verb, Node: node, Service: service } = op;
  switch (Verb) {
    case 'set':
      ensureService(tx, node, service);
      return readService(tx, node, service.ID);
    case 'cas':
      if (!ensureServiceCas(tx, service.ModifyIndex, node, service)) {
        refuse(staleService('set', service, node));
      }
      return readService(tx, node, service.ID);
    case 'delete':
      deleteService(tx, node, service.ID);
      return NO_TXN_RESULT;
    case 'delete-cas':
      if (!deleteServiceCas(tx, service.ModifyIndex, node, service.ID)) {
        refuse(staleService('delete', service, node));
      }
      return NO_TXN_RESULT;
    default:
      return refuse(`unknown Service verb ${quoted(Verb)}`);
  }
}

function applyCheck(tx: Transaction, { Verb, Check: check }: TxnCheckOp): TxnResults {
  switch (Verb) {
    case 'set':
      ensureCheck(tx, check);
      return readCheck(tx, check);
    case 'cas':
      if (!casOrNothing(() => ensureCheckCas(tx, check.ModifyIndex, check))) {
        refuse(`failed to set ${checkText(check)}, index is stale`);
      }
      return findCheck(tx, check);
    case 'delete':
      deleteCheck(tx, check.Node, check.CheckID);
      return NO_TXN_RESULT;
    case 'delete-cas':
      if (!deleteCheckCas(tx, check.ModifyIndex, check)) {
        refuse(`failed to delete ${checkText(check)}, index is stale`);
      }
      return NO_TXN_RESULT;
    default:
      return refuse(`unknown Check verb ${quoted(Verb)}`);
  }
}

/**
 * Consul 1.9 loses the refusal of a node or check that is set by compare-and-set: nothing is written
 * and the transaction goes on. Every server has to do the same, or their states would part.
 */
function casOrNothing(write: () => boolean): boolean {
  try {
    return write();
  } catch (error) {
    if (error instanceof StoreError) return true;
    throw error;
  }
}

function applySession(tx: Transaction, { Verb, Session }: TxnSessionOp): TxnResults {
  if (Verb !== 'delete') return refuse(`unknown Session verb ${quoted(Verb)}`);
  wrapped('failed to delete session: ', () => removeSessionRow(tx, Session.ID));
  return NO_TXN_RESULT;
}
