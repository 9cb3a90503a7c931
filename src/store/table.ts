/**
 * Tables as data. A table is a sorted tree of rows by primary key, and one more tree for each
 * lookup. Compound keys are texts joined by `\0`, so that a prefix of a key is a scan.
 */

import { emptyTree, type Tree } from './sorted-tree.ts';

/** Joins the parts of a compound key. */
export const SEPARATOR = '\0';

/** How rows are kept in a tree; most as they are. */
export interface RowForm<Row> {
  /** Copies all that it takes from the row. */
  pack(row: Row): unknown;
  /** `key` is the primary key that the row is kept under. */
  unpack(kept: unknown, key: string): Row;
}

/** A lookup: `keys` of a row are what the row is found by, none leaves it out. */
export interface TableIndex<Row> {
  readonly name: string;
  /** Place of the lookup's tree in a store. */
  readonly slot: number;
  readonly form: RowForm<Row>;
  keys(row: Row): readonly string[];
}

export interface Table<Row> {
  readonly name: string;
  /** Place of the table's tree in a store. */
  readonly slot: number;
  readonly form: RowForm<Row>;
  key(row: Row): string;
  readonly indexes: readonly TableIndex<Row>[];
}

const AS_IT_IS: RowForm<unknown> = { pack: (row) => row, unpack: (kept) => kept };

/** Hands out slots in order of definition; one for a whole store layout. */
export class Layout {
  #slots = 0;

  get slots(): number {
    return this.#slots;
  }

  table<Row, Names extends string = never>(
    name: string,
    key: (row: Row) => string,
    indexes?: Readonly<Record<Names, (row: Row) => readonly string[]>>,
    form: RowForm<Row> = AS_IT_IS as RowForm<Row>,
  ): Table<Row> & { readonly by: Readonly<Record<Names, TableIndex<Row>>> } {
    const slot = this.#take();
    const by = {} as Record<Names, TableIndex<Row>>;
    for (const indexName of Object.keys(indexes ?? {}) as Names[]) {
      const keys = (indexes as Record<Names, (row: Row) => readonly string[]>)[indexName];
      by[indexName] = { name: `${name}.${indexName}`, slot: this.#take(), form, keys };
    }
    return { name, slot, form, key, indexes: Object.values(by), by };
  }

  emptyTrees(): Tree[] {
    return Array.from({ length: this.#slots }, emptyTree);
  }

  #take(): number {
    this.#slots += 1;
    return this.#slots - 1;
  }
}

/** The first key behind all that start with `prefix`; null when there is none. */
export function keyBehind(prefix: string): string | null {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const code = prefix.charCodeAt(last);
    if (code < 0xffff) return prefix.slice(0, last) + String.fromCharCode(code + 1);
  }
  return null;
}

/** Calls `visit` for each row whose key starts with `prefix`, in order, until it returns false. */
export function visitPrefix(
  tree: Tree,
  prefix: string,
  visit: (row: unknown, key: string) => boolean | undefined,
): void {
  const behind = keyBehind(prefix);
  const each = (key: string, row: unknown): { break: true } | undefined =>
    visit(row, key) === false ? { break: true } : undefined;
  if (behind !== null) {
    tree.forRange(prefix, behind, false, each);
    return;
  }
  const last = tree.maxKey();
  if (last !== undefined && last >= prefix) tree.forRange(prefix, last, true, each);
}

/** Names of nodes, services, datacenters compare in lower case. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

/** A key of several parts. */
export function compoundKey(...parts: readonly string[]): string {
  return parts.join(SEPARATOR);
}
