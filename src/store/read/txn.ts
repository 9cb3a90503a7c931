/** Operations of transactions that only read: they find something or are refused. */

import type { Node } from '../../model/catalog.ts';
import type { HealthCheck } from '../../model/health-check.ts';
import type { DirEntry } from '../../model/kv.ts';
import {
  isTxnWrite,
  type TxnError,
  type TxnKVOp,
  type TxnOp,
  type TxnResponse,
  type TxnResult,
} from '../../model/txn.ts';
import { checksTable, kvsTable, servicesTable } from '../tables.ts';
import { StoreError } from '../transaction.ts';
import type { StoreReader } from '../view.ts';
import { quoted, refuse } from '../write/errors.ts';
import { checkKey, serviceKey } from '../write/keys.ts';
import { nodeById, nodeByName } from './catalog.ts';

export type TxnResults = readonly TxnResult[];
export const NO_TXN_RESULT: TxnResults = [];
const EMPTY_RESULT: TxnResult = { KV: null, Node: null, Service: null, Check: null };

/** Runs a transaction that writes nothing; operations that would are refused. */
export function readTxn(reader: StoreReader, ops: readonly TxnOp[]): TxnResponse {
  const { results, errors } = tryOps(ops, (op) =>
    isTxnWrite(op) ? refuse('cannot write in a read-only transaction') : readTxnOp(reader, op),
  );
  return errors.length > 0
    ? { Results: null, Errors: errors }
    : { Results: results.length === 0 ? null : results, Errors: null };
}

/** Runs every operation, whatever became of those before, and collects what each gave. */
export function tryOps(
  ops: readonly TxnOp[],
  run: (op: TxnOp) => TxnResults,
): { readonly results: TxnResults; readonly errors: readonly TxnError[] } {
  const results: TxnResult[] = [];
  const errors: TxnError[] = [];
  ops.forEach((op, OpIndex) => {
    try {
      results.push(...run(op));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      errors.push({ OpIndex, What: error.message });
    }
  });
  return { results, errors };
}

/** One operation that does not write. Throws a StoreError. */
export function readTxnOp(reader: StoreReader, op: TxnOp): TxnResults {
  if (op.KV !== null) return readKV(reader, op.KV);
  if (op.Node !== null) return readNode(reader, op.Node.Node);
  if (op.Service !== null) return readService(reader, op.Service.Node, op.Service.Service.ID);
  if (op.Check !== null) return readCheck(reader, op.Check.Check);
  return refuse('no operation specified');
}

/** Only `get` verbs answer with the value. */
export function kvResult(entry: DirEntry): TxnResults {
  return [{ ...EMPTY_RESULT, KV: { ...entry, Value: null } }];
}

function readKV(reader: StoreReader, { Verb, DirEnt: wanted }: TxnKVOp): TxnResults {
  const key = quoted(wanted.Key);
  const entry = reader.first(kvsTable, wanted.Key);
  switch (Verb) {
    case 'get':
      return [{ ...EMPTY_RESULT, KV: entry ?? refuse(`key ${key} doesn't exist`) }];
    case 'get-tree':
      return reader.scan(kvsTable, wanted.Key).map((KV) => ({ ...EMPTY_RESULT, KV }));
    case 'check-session':
      if (entry === undefined) return refuse(`failed to check session, key ${key} doesn't exist`);
      if (entry.Session !== wanted.Session) {
        refuse(
          `failed session check for key ${key}, current session ${quoted(entry.Session)} != ` +
            quoted(wanted.Session),
        );
      }
      return kvResult(entry);
    case 'check-index':
      if (entry === undefined) return refuse(`failed to check index, key ${key} doesn't exist`);
      if (entry.ModifyIndex !== wanted.ModifyIndex) {
        refuse(
          `failed index check for key ${key}, current modify index ${entry.ModifyIndex} != ` +
            wanted.ModifyIndex,
        );
      }
      return kvResult(entry);
    case 'check-not-exists':
      return entry === undefined ? NO_TXN_RESULT : refuse(`key ${key} exists`);
    default:
      return refuse(`unknown KV verb ${quoted(Verb)}`);
  }
}

/** The node by its ID when one is given, else by name. */
export function readNode(reader: StoreReader, node: Node): TxnResults {
  const found = findNode(reader, node);
  return found.length > 0 ? found : refuse(`node ${quoted(node.Node)} doesn't exist`);
}

export function findNode(reader: StoreReader, node: Node): TxnResults {
  const kept = node.ID === '' ? nodeByName(reader, node.Node) : nodeById(reader, node.ID);
  return kept === undefined ? NO_TXN_RESULT : [{ ...EMPTY_RESULT, Node: kept }];
}

export function readService(reader: StoreReader, node: string, id: string): TxnResults {
  const row =
    reader.first(servicesTable, serviceKey(node, id)) ??
    refuse(`service ${quoted(id)} on node ${quoted(node)} doesn't exist`);
  return [{ ...EMPTY_RESULT, Service: row.service }];
}

export function readCheck(reader: StoreReader, check: HealthCheck): TxnResults {
  const found = findCheck(reader, check);
  return found.length > 0 ? found : refuse(`${checkText(check)} doesn't exist`);
}

export function findCheck(reader: StoreReader, check: HealthCheck): TxnResults {
  const kept = reader.first(checksTable, checkKey(check.Node, check.CheckID));
  return kept === undefined ? NO_TXN_RESULT : [{ ...EMPTY_RESULT, Check: kept }];
}

export function checkText(check: HealthCheck): string {
  return `check ${quoted(check.CheckID)} on node ${quoted(check.Node)}`;
}
