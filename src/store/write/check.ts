/** Writes of checks. A check that is or becomes critical, or goes, ends the sessions bound to it. */

import { HEALTH_CRITICAL, type HealthCheck } from '../../model/health-check.ts';
import { kindRowName, serviceRowName } from '../index-rows.ts';
import { nodeByName } from '../read/catalog.ts';
import { same } from '../same.ts';
import { checksTable, servicesTable, sessionChecksTable } from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { MISSING_NODE, MISSING_SERVICE, quoted, refuse, wrapped } from './errors.ts';
import { bumpServicesOfNode, checkKey, serviceKey } from './keys.ts';
import { endSession } from './session.ts';

/** A check of a registration: it must be of the registered node. */
export function ensureCheckOfNode(tx: Transaction, node: string, check: HealthCheck): void {
  if (check.Node !== node) {
    refuse(`check node ${quoted(check.Node)} does not match node ${quoted(node)}`);
  }
  const suffix = ` on node ${quoted(check.Node)}`;
  wrapped('failed inserting check: ', () => ensureCheck(tx, check), suffix);
}

/** Inserts or changes a check; one that is the same already is left alone. */
export function ensureCheck(tx: Transaction, given: HealthCheck): void {
  const before = tx.first(checksTable, checkKey(given.Node, given.CheckID));
  if (nodeByName(tx, given.Node) === undefined) refuse(MISSING_NODE);
  const check = completed(tx, given);
  if (check.Status === HEALTH_CRITICAL) endSessionsOfCheck(tx, check.Node, check.CheckID);
  if (before !== undefined && sameCheck(before, check)) return;
  tx.put(checksTable, {
    ...check,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(checksTable.name);
  bumpOwner(tx, check);
  if (before !== undefined && before.ServiceID !== check.ServiceID) bumpOwner(tx, before);
}

/** The check with what the server fills in: status, name and tags of its service. */
export function completed(tx: Transaction, check: HealthCheck): HealthCheck {
  const Status = check.Status === '' ? HEALTH_CRITICAL : check.Status;
  if (check.ServiceID === '') return { ...check, Status };
  const service = tx.first(servicesTable, serviceKey(check.Node, check.ServiceID))?.service;
  if (service === undefined) return refuse(MISSING_SERVICE);
  return { ...check, Status, ServiceName: service.Service, ServiceTags: service.Tags };
}

function sameCheck(a: HealthCheck, b: HealthCheck): boolean {
  return same({ ...a, CreateIndex: 0, ModifyIndex: 0 }, { ...b, CreateIndex: 0, ModifyIndex: 0 });
}

/** Moves the rows of the check's service, or of all services of its node. */
function bumpOwner(tx: Transaction, check: HealthCheck): void {
  if (check.ServiceID === '') {
    bumpServicesOfNode(tx, check.Node);
    return;
  }
  const service = tx.first(servicesTable, serviceKey(check.Node, check.ServiceID))?.service;
  if (service !== undefined) {
    tx.bump(serviceRowName(service.Service), kindRowName(service.Kind));
  }
}

/** Deletes a check. An unknown one is fine. */
export function deleteCheck(tx: Transaction, node: string, checkId: string): void {
  const key = checkKey(node, checkId);
  const check = tx.first(checksTable, key);
  if (check === undefined) return;
  bumpOwner(tx, check);
  if (check.ServiceID === '') tx.bump(servicesTable.name);
  tx.remove(checksTable, key);
  tx.bump(checksTable.name);
  endSessionsOfCheck(tx, node, checkId);
}

function endSessionsOfCheck(tx: Transaction, node: string, checkId: string): void {
  for (const { session } of tx.scan(sessionChecksTable, `${checkKey(node, checkId)}\0`)) {
    endSession(tx, session);
  }
}

export function ensureCheckCas(tx: Transaction, index: number, check: HealthCheck): boolean {
  const existing = tx.first(checksTable, checkKey(check.Node, check.CheckID));
  if ((existing?.ModifyIndex ?? 0) !== index) return false;
  ensureCheck(tx, check);
  return true;
}

export function deleteCheckCas(tx: Transaction, index: number, check: HealthCheck): boolean {
  const existing = tx.first(checksTable, checkKey(check.Node, check.CheckID));
  if (existing === undefined || existing.ModifyIndex !== index) return false;
  deleteCheck(tx, check.Node, check.CheckID);
  return true;
}
