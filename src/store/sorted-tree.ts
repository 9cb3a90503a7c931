/**
 * The sorted tree of the `sorted-btree` package. The package is CommonJS: what `import` gives for its
 * default export is the class in one loader and the module object around it in another.
 */

import imported from 'sorted-btree';

type BTreeClass = typeof imported;

/** A B+ tree by text keys, in order of UTF-16 code units. `clone` is O(1) and copies on write. */
export type Tree = InstanceType<typeof imported<string, unknown>>;

const BTree: BTreeClass = 'default' in imported ? (imported.default as BTreeClass) : imported;

export function emptyTree(): Tree {
  return new BTree<string, unknown>(undefined, order);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
