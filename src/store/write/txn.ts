/**
 * Transactions of several operations. Every operation is tried, so that all failures are reported;
 * one failure undoes them all.
 */

import type { Node } from '../../model/catalog.ts';
import type { HealthCheck } from '../../model/health-check.ts';
import type { DirEntry } from '../../model/kv.ts';
import type {
  TxnCheckOp,
  TxnError,
  TxnKVOp,
  TxnNodeOp,
  TxnOp,
  TxnResponse,
  TxnResult,
  TxnServiceOp,
  TxnSessionOp,
} from '../../model/txn.ts';
import { checksTable, kvsTable, servicesTable } from '../tables.ts';
import { StoreError, type Transaction } from '../transaction.ts';
import { deleteCheck, deleteCheckCas, ensureCheck, ensureCheckCas } from './check.ts';
import { quoted, refuse, wrapped } from './errors.ts';
import { checkKey, serviceKey } from './keys.ts';
import { kvDelete, kvDeleteCas, kvDeleteTree, kvLock, kvSet, kvSetCas, kvUnlock } from './kv.ts';
import { deleteNode, deleteNodeCas, ensureNode, ensureNodeCas, lookUpNode } from './node.ts';
import {
  deleteService,
  deleteServiceCas,
  ensureService,
  ensureServiceCas,
  staleService,
} from './service.ts';
import { removeSessionRow } from './session.ts';

const NO_RESULT: readonly TxnResult[] = [];
const EMPTY_RESULT: TxnResult = { KV: null, Node: null, Service: null, Check: null };

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
  const Results: TxnResult[] = [];
  const errors: TxnError[] = [];
  ops.forEach((op, OpIndex) => {
    try {
      Results.push(...applyOp(tx, op));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      errors.push({ OpIndex, What: error.message });
    }
  });
  if (errors.length > 0) throw new TxnFailure(errors);
  return { Results: Results.length === 0 ? null : Results, Errors: null };
}

function applyOp(tx: Transaction, op: TxnOp): readonly TxnResult[] {
  if (op.KV !== null) return applyKV(tx, op.KV);
  if (op.Node !== null) return applyNode(tx, op.Node);
  if (op.Service !== null) return applyService(tx, op.Service);
  if (op.Check !== null) return applyCheck(tx, op.Check);
  if (op.Session !== null) return applySession(tx, op.Session);
  return refuse('no operation specified');
}

/** Only `get` verbs answer with the value. */
function kvResult(entry: DirEntry | null): readonly TxnResult[] {
  return entry === null ? NO_RESULT : [{ ...EMPTY_RESULT, KV: { ...entry, Value: null } }];
}

function applyKV(tx: Transaction, { Verb, DirEnt }: TxnKVOp): readonly TxnResult[] {
  const key = quoted(DirEnt.Key);
  switch (Verb) {
    case 'set':
      return kvResult(kvSet(tx, DirEnt));
    case 'delete':
      kvDelete(tx, DirEnt.Key);
      return NO_RESULT;
    case 'delete-cas':
      if (!kvDeleteCas(tx, DirEnt.ModifyIndex, DirEnt.Key)) {
        refuse(`failed to delete key ${key}, index is stale`);
      }
      return NO_RESULT;
    case 'delete-tree':
      kvDeleteTree(tx, DirEnt.Key);
      return NO_RESULT;
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
      return readKV(tx, Verb, DirEnt);
  }
}

function readKV(tx: Transaction, verb: string, wanted: DirEntry): readonly TxnResult[] {
  const key = quoted(wanted.Key);
  const entry = tx.first(kvsTable, wanted.Key);
  switch (verb) {
    case 'get':
      return [{ ...EMPTY_RESULT, KV: entry ?? refuse(`key ${key} doesn't exist`) }];
    case 'get-tree':
      return tx.scan(kvsTable, wanted.Key).map((KV) => ({ ...EMPTY_RESULT, KV }));
    case 'check-session':
      if (entry === undefined) refuse(`failed to check session, key ${key} doesn't exist`);
      else if (entry.Session !== wanted.Session) {
        refuse(
          `failed session check for key ${key}, current session ${quoted(entry.Session)} != ` +
            quoted(wanted.Session),
        );
      }
      return kvResult(entry ?? null);
    case 'check-index':
      if (entry === undefined) refuse(`failed to check index, key ${key} doesn't exist`);
      else if (entry.ModifyIndex !== wanted.ModifyIndex) {
        refuse(
          `failed index check for key ${key}, current modify index ${entry.ModifyIndex} != ` +
            wanted.ModifyIndex,
        );
      }
      return kvResult(entry ?? null);
    case 'check-not-exists':
      if (entry !== undefined) refuse(`key ${key} exists`);
      return NO_RESULT;
    default:
      return refuse(`unknown KV verb ${quoted(verb)}`);
  }
}

function applyNode(tx: Transaction, { Verb, Node: node }: TxnNodeOp): readonly TxnResult[] {
  const name = quoted(node.Node);
  switch (Verb) {
    case 'get':
      break;
    case 'set':
      ensureNode(tx, node);
      break;
    case 'cas':
      if (!casOrNothing(() => ensureNodeCas(tx, node.ModifyIndex, node))) {
        refuse(`failed to set node ${name}, index is stale`);
      }
      return nodeResult(tx, node);
    case 'delete':
      deleteNode(tx, node.Node);
      return NO_RESULT;
    case 'delete-cas':
      if (!deleteNodeCas(tx, node.ModifyIndex, node)) {
        refuse(`failed to delete node ${name}, index is stale`);
      }
      return NO_RESULT;
    default:
      refuse(`unknown Node verb ${quoted(Verb)}`);
  }
  const results = nodeResult(tx, node);
  return results.length > 0 ? results : refuse(`node ${name} doesn't exist`);
}

function nodeResult(tx: Transaction, node: Node): readonly TxnResult[] {
  const kept = lookUpNode(tx, node);
  return kept === undefined ? NO_RESULT : [{ ...EMPTY_RESULT, Node: kept }];
}

function applyService(tx: Transaction, op: TxnServiceOp): readonly TxnResult[] {
  const { Verb, Node: node, Service: service } = op;
  switch (Verb) {
    case 'get':
      break;
    case 'set':
      ensureService(tx, node, service);
      break;
    case 'cas':
      if (!ensureServiceCas(tx, service.ModifyIndex, node, service)) {
        refuse(staleService('set', service, node));
      }
      break;
    case 'delete':
      deleteService(tx, node, service.ID);
      return NO_RESULT;
    case 'delete-cas':
      if (!deleteServiceCas(tx, service.ModifyIndex, node, service.ID)) {
        refuse(staleService('delete', service, node));
      }
      return NO_RESULT;
    default:
      refuse(`unknown Service verb ${quoted(Verb)}`);
  }
  const kept =
    tx.first(servicesTable, serviceKey(node, service.ID)) ??
    refuse(`service ${quoted(service.ID)} on node ${quoted(node)} doesn't exist`);
  return [{ ...EMPTY_RESULT, Service: kept.service }];
}

function applyCheck(tx: Transaction, { Verb, Check: check }: TxnCheckOp): readonly TxnResult[] {
  const what = `check ${quoted(check.CheckID)} on node ${quoted(check.Node)}`;
  switch (Verb) {
    case 'get':
      break;
    case 'set':
      ensureCheck(tx, check);
      break;
    case 'cas':
      if (!casOrNothing(() => ensureCheckCas(tx, check.ModifyIndex, check))) {
        refuse(`failed to set ${what}, index is stale`);
      }
      return checkResult(tx, check);
    case 'delete':
      deleteCheck(tx, check.Node, check.CheckID);
      return NO_RESULT;
    case 'delete-cas':
      if (!deleteCheckCas(tx, check.ModifyIndex, check)) {
        refuse(`failed to delete ${what}, index is stale`);
      }
      return NO_RESULT;
    default:
      refuse(`unknown Check verb ${quoted(Verb)}`);
  }
  const results = checkResult(tx, check);
  return results.length > 0 ? results : refuse(`${what} doesn't exist`);
}

function checkResult(tx: Transaction, check: HealthCheck): readonly TxnResult[] {
  const kept = tx.first(checksTable, checkKey(check.Node, check.CheckID));
  return kept === undefined ? NO_RESULT : [{ ...EMPTY_RESULT, Check: kept }];
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

function applySession(tx: Transaction, { Verb, Session }: TxnSessionOp): readonly TxnResult[] {
  if (Verb !== 'delete') return refuse(`unknown Session verb ${quoted(Verb)}`);
  wrapped('failed to delete session: ', () => removeSessionRow(tx, Session.ID));
  return NO_RESULT;
}
