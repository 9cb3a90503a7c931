/** Writes of sessions, and what their end does to the keys they hold. */

import { HEALTH_CRITICAL } from '../../model/health-check.ts';
import type { Session } from '../../model/session.ts';
import { nodeByName } from '../read/catalog.ts';
import { nameKey } from '../table.ts';
import {
  checksTable,
  kvsTable,
  preparedQueriesTable,
  sessionChecksTable,
  sessionsTable,
} from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { MISSING_NODE, refuse } from './errors.ts';
import { checkKey } from './keys.ts';
import { kvDelete, kvWrite } from './kv.ts';

const BEHAVIOR_RELEASE = 'release';
const BEHAVIOR_DELETE = 'delete';

/** A key is not locked again for at most this long after its session ended. */
export const LOCK_DELAY_MAX_MS = 60_000;

const NANOSECONDS_PER_MS = 1e6;

/** Checks a session is bound to, by ID. */
export function checkIdsOf(session: Session): readonly string[] {
  const ids = [
    ...(session.NodeChecks ?? []),
    ...(session.ServiceChecks ?? []).map((check) => check.ID),
    ...(session.Checks ?? []),
  ];
  return [...new Set(ids)];
}

/** Creates a session; its ID was chosen by the leader. Returns the ID. */
export function createSession(tx: Transaction, session: Session): string {
  if (session.ID === '') refuse('Missing session ID');
  const Behavior = session.Behavior === '' ? BEHAVIOR_RELEASE : session.Behavior;
  if (Behavior !== BEHAVIOR_RELEASE && Behavior !== BEHAVIOR_DELETE) {
    refuse(`Invalid session behavior: ${Behavior}`);
  }
  if (nodeByName(tx, session.Node) === undefined) refuse(MISSING_NODE);
  for (const id of checkIdsOf(session)) refuseBadCheck(tx, session.Node, id);
  insertSession(tx, {
    ...session,
    Behavior,
    CreateIndex: tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(sessionsTable.name);
  return session.ID;
}

function refuseBadCheck(tx: Transaction, node: string, checkId: string): void {
  const check = tx.first(checksTable, checkKey(node, checkId));
  if (check === undefined) refuse(`Missing check '${checkId}' registration`);
  else if (check.Status === HEALTH_CRITICAL) refuse(`Check '${checkId}' is in critical state`);
}

/** Writes the row and its check mappings. */
export function insertSession(tx: Transaction, session: Session): void {
  tx.put(sessionsTable, session);
  for (const checkId of checkIdsOf(session)) {
    tx.put(sessionChecksTable, { node: session.Node, checkId, session: nameKey(session.ID) });
  }
}

/** Ends a session: its keys are released or deleted, as it wished. An unknown one is fine. */
export function endSession(tx: Transaction, id: string): void {
  const session = tx.first(sessionsTable, nameKey(id));
  if (session === undefined) return;
  tx.remove(sessionsTable, nameKey(id));
  tx.bump(sessionsTable.name);
  const delayMs = Math.min(session.LockDelay / NANOSECONDS_PER_MS, LOCK_DELAY_MAX_MS);
  for (const entry of tx.lookup(kvsTable.by.session, session.ID)) {
    if (session.Behavior === BEHAVIOR_DELETE) kvDelete(tx, entry.Key);
    else kvWrite(tx, { ...entry, Session: '' }, entry);
    if (delayMs > 0) tx.effects.lockDelays.push({ key: entry.Key, delayMs });
  }
  for (const row of tx.lookup(sessionChecksTable.by.session, nameKey(id))) {
    tx.remove(sessionChecksTable, sessionChecksTable.key(row));
  }
  const queries = tx.lookup(preparedQueriesTable.by.session, session.ID);
  for (const query of queries) tx.remove(preparedQueriesTable, nameKey(query.ID));
  if (queries.length > 0) tx.bump(preparedQueriesTable.name);
}

/** Removes only the row: keys, check mappings and queries stay, as transactions do it. */
export function removeSessionRow(tx: Transaction, id: string): void {
  if (tx.remove(sessionsTable, nameKey(id))) tx.bump(sessionsTable.name);
}
