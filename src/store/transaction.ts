/**
 * The changes of one command, all or none. Rows are written straight into the store's trees; what
 * was there before is kept until the command is done, to be put back when it fails.
 */

import type { Tree } from './sorted-tree.ts';
import { nameKey, SEPARATOR, type Table, type TableIndex } from './table.ts';
import { indexTable } from './tables.ts';
import { type StoreReader, TreeReader } from './view.ts';

/** A command was refused. The message is the text that travels to the caller. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** A key that must not be locked again for a while; kept by the leader, in memory only. */
export interface LockDelay {
  readonly key: string;
  /** Milliseconds from when the command is applied. */
  readonly delayMs: number;
}

/** Consequences of commands that are no rows. */
export interface Effects {
  readonly lockDelays: LockDelay[];
}

interface Undo {
  readonly table: Table<unknown>;
  readonly key: string;
  readonly before: unknown;
}

/** Keys touched since the last publication, by slot. */
export type TouchedKeys = (Set<string> | undefined)[];

export class Transaction implements StoreReader {
  /** Raft index of the command. */
  readonly index: number;
  readonly effects: Effects = { lockDelays: [] };
  readonly #reader: TreeReader;
  readonly #trees: readonly Tree[];
  readonly #touched: TouchedKeys | null;
  readonly #undo: Undo[] = [];

  /** Without `touched` nothing is noted of the changes, and they cannot be rolled back. */
  constructor(index: number, trees: readonly Tree[], touched: TouchedKeys | null) {
    this.index = index;
    this.#trees = trees;
    this.#touched = touched;
    this.#reader = new TreeReader(trees);
  }

  get unwatched(): StoreReader {
    return this;
  }

  first<Row>(table: Table<Row>, key: string): Row | undefined {
    return this.#reader.first(table, key);
  }

  scan<Row>(table: Table<Row>, prefix: string): Row[] {
    return this.#reader.scan(table, prefix);
  }

  lookup<Row>(index: TableIndex<Row>, key: string): Row[] {
    return this.#reader.lookup(index, key);
  }

  indexRow(name: string): number | undefined {
    return this.#reader.indexRow(name);
  }

  /** Inserts the row or replaces the one with its key. */
  put<Row>(table: Table<Row>, row: Row): void {
    const key = table.key(row);
    const before = this.#reader.first(table, key);
    this.#remember(table, key, before);
    this.#write(table, key, before, row);
  }

  /** Removes the row with this key; false when there was none. */
  remove<Row>(table: Table<Row>, key: string): boolean {
    const before = this.#reader.first(table, key);
    if (before === undefined) return false;
    this.#remember(table, key, before);
    this.#write(table, key, before, undefined);
    return true;
  }

  /** Sets index rows to the command's index. */
  bump(...names: readonly string[]): void {
    for (const name of names) this.setIndexRow(name, this.index);
  }

  setIndexRow(name: string, value: number): void {
    const before = this.#reader.first(indexTable, nameKey(name));
    if (before?.value !== value) this.put(indexTable, { name, value });
  }

  /** Sets an index row unless it is higher already. */
  raiseIndexRow(name: string, value: number): void {
    if ((this.indexRow(name) ?? 0) < value) this.setIndexRow(name, value);
  }

  removeIndexRow(name: string): void {
    this.remove(indexTable, nameKey(name));
  }

  /** Undoes all writes, last first. */
  rollBack(): void {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      const now = this.#reader.first(undo.table, undo.key);
      this.#write(undo.table, undo.key, now, undo.before);
    }
  }

  #remember<Row>(table: Table<Row>, key: string, before: Row | undefined): void {
    if (this.#touched === null) return;
    this.#undo.push({ table: table as Table<unknown>, key, before });
  }

  #write<Row>(
    table: Table<Row>,
    key: string,
    before: Row | undefined,
    after: Row | undefined,
  ): void {
    const kept = after === undefined ? undefined : table.form.pack(after);
    this.#set(table.slot, key, kept);
    for (const index of table.indexes) {
      const keysBefore = before === undefined ? NO_KEYS : index.keys(before);
      const keysAfter = after === undefined ? NO_KEYS : index.keys(after);
      for (const indexKey of keysBefore) {
        if (!keysAfter.includes(indexKey)) {
          this.#set(index.slot, indexKey + SEPARATOR + key, undefined);
        }
      }
      for (const indexKey of keysAfter) this.#set(index.slot, indexKey + SEPARATOR + key, kept);
    }
  }

  #set(slot: number, key: string, kept: unknown): void {
    const tree = this.#trees[slot];
    if (tree === undefined) throw new RangeError(`no tree in slot ${slot}`);
    if (kept === undefined) tree.delete(key);
    else tree.set(key, kept);
    if (this.#touched === null) return;
    let touched = this.#touched[slot];
    if (touched === undefined) {
      touched = new Set();
      this.#touched[slot] = touched;
    }
    touched.add(key);
  }
}

const NO_KEYS: readonly string[] = [];
