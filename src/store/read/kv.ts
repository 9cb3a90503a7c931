/** Reads of the key/value store. Keys compare as they are, letter case included. */

import type { DirEntry } from '../../model/kv.ts';
import type { Indexed } from '../blocking-query.ts';
import { maxIndex } from '../index-rows.ts';
import { kvsTable, tombstonesTable } from '../tables.ts';
import type { StoreReader } from '../view.ts';

/** One key. */
export function kvGet(reader: StoreReader, key: string): Indexed<DirEntry | null> {
  const entry = reader.first(kvsTable, key);
  if (entry === undefined) return { index: tableIndex(reader), result: null };
  return { index: entry.ModifyIndex, result: entry };
}

/** All entries whose key starts with `prefix`, in order of keys. */
export function kvList(reader: StoreReader, prefix: string): Indexed<readonly DirEntry[]> {
  if (prefix === '') {
    return { index: tableIndex(reader), result: reader.unwatched.scan(kvsTable, '') };
  }
  const entries = reader.scan(kvsTable, prefix);
  let highest = 0;
  for (const entry of entries) highest = Math.max(highest, entry.ModifyIndex);
  // Whatever is deleted under the prefix touches keys under it: tombstones need no watch.
  for (const stone of reader.unwatched.scan(tombstonesTable, prefix)) {
    highest = Math.max(highest, stone.index);
  }
  return { index: highest === 0 ? tableIndex(reader) : highest, result: entries };
}

/** Keys under a prefix, cut behind the first `separator` that follows it. */
export function kvKeys(
  reader: StoreReader,
  prefix: string,
  separator: string,
): Indexed<readonly string[]> {
  const { index, result } = kvList(reader, prefix);
  const keys: string[] = [];
  for (const { Key } of result) {
    const cut = separator === '' ? -1 : Key.indexOf(separator, prefix.length);
    const key = cut < 0 ? Key : Key.slice(0, cut + separator.length);
    if (keys.at(-1) !== key) keys.push(key);
  }
  return { index, result: keys };
}

/** Index of the newest tombstone that there ever was, or of a restored state; 0 = none. */
export function newestTombstone(reader: StoreReader): number {
  return maxIndex(reader, tombstonesTable.name);
}

function tableIndex(reader: StoreReader): number {
  return maxIndex(reader, kvsTable.name, tombstonesTable.name);
}
