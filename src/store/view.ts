/**
 * A consistent, immutable version of the whole store. Views are cheap: a commit shares all that it
 * did not touch with the view before.
 */

import type { Tree } from './sorted-tree.ts';
import {
  nameKey,
  type RowForm,
  SEPARATOR,
  type Table,
  type TableIndex,
  visitPrefix,
} from './table.ts';
import { indexTable } from './tables.ts';
import type { WatchSet } from './watch.ts';

/** Reads rows; a watching reader also notes what was looked at. */
export interface StoreReader {
  /** The row with this primary key. */
  first<Row>(table: Table<Row>, key: string): Row | undefined;
  /** All rows whose primary key starts with `prefix`, in order of keys. */
  scan<Row>(table: Table<Row>, prefix: string): Row[];
  /** All rows found by `key` in a lookup, in order of primary keys. */
  lookup<Row>(index: TableIndex<Row>, key: string): Row[];
  /** Value of an index row; undefined when it does not exist. */
  indexRow(name: string): number | undefined;
  /** The same rows, noting nothing: for what the watch of something else covers. */
  readonly unwatched: StoreReader;
}

/** The read functions over plain trees. */
export class TreeReader implements StoreReader {
  readonly trees: readonly Tree[];

  constructor(trees: readonly Tree[]) {
    this.trees = trees;
  }

  get unwatched(): StoreReader {
    return this;
  }

  first<Row>(table: Table<Row>, key: string): Row | undefined {
    const kept = this.#tree(table.slot).get(key);
    return kept === undefined ? undefined : table.form.unpack(kept, key);
  }

  scan<Row>(table: Table<Row>, prefix: string): Row[] {
    return this.#collect(table.slot, prefix, table.form, 0);
  }

  lookup<Row>(index: TableIndex<Row>, key: string): Row[] {
    const prefix = key + SEPARATOR;
    return this.#collect(index.slot, prefix, index.form, prefix.length);
  }

  indexRow(name: string): number | undefined {
    return this.first(indexTable, nameKey(name))?.value;
  }

  /** All rows in order of keys, read as they are asked for. */
  *rows<Row>(table: Table<Row>): IterableIterator<Row> {
    for (const [key, kept] of this.#tree(table.slot).entries()) yield table.form.unpack(kept, key);
  }

  count<Row>(table: Table<Row>): number {
    return this.#tree(table.slot).size;
  }

  /** `keyFrom`: where in a key of the tree the primary key begins. */
  #collect<Row>(slot: number, prefix: string, form: RowForm<Row>, keyFrom: number): Row[] {
    const rows: Row[] = [];
    visitPrefix(this.#tree(slot), prefix, (kept, key) => {
      rows.push(form.unpack(kept, key.slice(keyFrom)));
      return true;
    });
    return rows;
  }

  #tree(slot: number): Tree {
    const tree = this.trees[slot];
    if (tree === undefined) throw new RangeError(`no tree in slot ${slot}`);
    return tree;
  }
}

/** One version of the store. */
export class StoreView extends TreeReader {
  /** Log index that this is the state of. Not the index of any row: those may be higher. */
  readonly appliedIndex: number;

  constructor(trees: readonly Tree[], appliedIndex: number) {
    super(trees);
    this.appliedIndex = appliedIndex;
  }
}

/** Reads a view and notes in `watches` what was read. */
export class WatchingReader implements StoreReader {
  readonly unwatched: StoreReader;
  readonly #watches: WatchSet;

  constructor(view: StoreReader, watches: WatchSet) {
    this.unwatched = view.unwatched;
    this.#watches = watches;
  }

  first<Row>(table: Table<Row>, key: string): Row | undefined {
    this.#watches.key(table.slot, key);
    return this.unwatched.first(table, key);
  }

  scan<Row>(table: Table<Row>, prefix: string): Row[] {
    this.#watches.prefix(table.slot, prefix);
    return this.unwatched.scan(table, prefix);
  }

  lookup<Row>(index: TableIndex<Row>, key: string): Row[] {
    this.#watches.prefix(index.slot, key + SEPARATOR);
    return this.unwatched.lookup(index, key);
  }

  indexRow(name: string): number | undefined {
    this.#watches.key(indexTable.slot, nameKey(name));
    return this.unwatched.indexRow(name);
  }
}
