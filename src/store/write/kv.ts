/** Writes of the key/value store. */

import type { DirEntry } from '../../model/kv.ts';
import { sameBytes } from '../same.ts';
import { kvsTable, sessionsTable, tombstonesTable } from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { quoted, refuse } from './errors.ts';

/** Sets a key: the lock holder stays, the lock count becomes that of the request. */
export function kvSet(tx: Transaction, entry: DirEntry): DirEntry {
  const before = tx.first(kvsTable, entry.Key);
  return kvWrite(tx, { ...entry, Session: before?.Session ?? '' }, before);
}

/** Writes the entry as it is, unless nothing would change. Returns what is kept. */
export function kvWrite(tx: Transaction, entry: DirEntry, before: DirEntry | undefined): DirEntry {
  if (before !== undefined && sameEntry(before, entry)) return before;
  const kept: DirEntry = {
    ...entry,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  };
  tx.put(kvsTable, kept);
  tx.bump(kvsTable.name);
  return kept;
}

function sameEntry(a: DirEntry, b: DirEntry): boolean {
  return (
    a.LockIndex === b.LockIndex &&
    a.Flags === b.Flags &&
    a.Session === b.Session &&
    sameBytes(a.Value, b.Value)
  );
}

/** Sets only if the entry's ModifyIndex is the key's, or 0 and there is no such key. */
export function kvSetCas(tx: Transaction, entry: DirEntry): DirEntry | null {
  const before = tx.first(kvsTable, entry.Key);
  if ((before?.ModifyIndex ?? 0) !== entry.ModifyIndex) return null;
  return kvSet(tx, entry);
}

/** Deletes a key, leaving a tombstone. */
export function kvDelete(tx: Transaction, key: string): void {
  if (!tx.remove(kvsTable, key)) return;
  tx.bump(kvsTable.name);
  bury(tx, key);
}

/** A key that is not there counts as deleted. */
export function kvDeleteCas(tx: Transaction, index: number, key: string): boolean {
  const before = tx.first(kvsTable, key);
  if (before === undefined) return true;
  if (before.ModifyIndex !== index) return false;
  kvDelete(tx, key);
  return true;
}

/** Deletes all keys under a prefix, leaving one tombstone for the prefix (none for the empty one). */
export function kvDeleteTree(tx: Transaction, prefix: string): void {
  const entries = tx.scan(kvsTable, prefix);
  if (entries.length === 0) return;
  for (const { Key } of entries) tx.remove(kvsTable, Key);
  tx.bump(kvsTable.name);
  if (prefix !== '') bury(tx, prefix);
}

function bury(tx: Transaction, key: string): void {
  tx.put(tombstonesTable, { key, index: tx.index });
  tx.bump(tombstonesTable.name);
}

/** Takes the lock for the entry's session; null when another one holds it. */
export function kvLock(tx: Transaction, entry: DirEntry): DirEntry | null {
  if (entry.Session === '') refuse('missing session');
  refuseUnknownSession(tx, entry.Session);
  const before = tx.first(kvsTable, entry.Key);
  if (before === undefined) return kvWrite(tx, { ...entry, LockIndex: 1 }, undefined);
  if (before.Session !== '' && before.Session !== entry.Session) return null;
  const LockIndex = before.Session === '' ? before.LockIndex + 1 : before.LockIndex;
  return kvWrite(tx, { ...entry, LockIndex }, before);
}

/** Gives the lock back; null unless the entry's session holds it. */
export function kvUnlock(tx: Transaction, entry: DirEntry): DirEntry | null {
  if (entry.Session === '') refuse('missing session');
  const before = tx.first(kvsTable, entry.Key);
  if (before === undefined || before.Session !== entry.Session) return null;
  return kvWrite(tx, { ...entry, Session: '', LockIndex: before.LockIndex }, before);
}

/** Characters of a UUID. */
const UUID_CHARACTERS = 36;

function refuseUnknownSession(tx: Transaction, id: string): void {
  if (id.length !== UUID_CHARACTERS) {
    refuse('failed session lookup: index error: UUID must be 36 characters');
  }
  if (tx.first(sessionsTable, id.toLowerCase()) === undefined) {
    refuse(`invalid session ${quoted(id)}`);
  }
}

/** Removes all tombstones up to an index. Moves no index row. */
export function reapTombstones(tx: Transaction, reapIndex: number): void {
  for (const stone of tx.scan(tombstonesTable, '')) {
    if (stone.index <= reapIndex) tx.remove(tombstonesTable, stone.key);
  }
}
