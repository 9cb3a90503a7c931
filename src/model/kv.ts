/** The key/value store and its tombstones. */

import { bigU64, bytes, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { QueryMeta, QueryOptions, RaftIndex, raftIndex, WriteRequest } from './blocks.ts';

/** `Flags` uses all 64 bits; `Session` is the lock holder. */
export const DirEntry = struct({
  LockIndex: raftIndex,
  Key: str,
  Flags: bigU64,
  Value: bytes,
  Session: str,
  ...RaftIndex.fields,
});
export type DirEntry = TypeOf<typeof DirEntry>;

export type KVOp = 'set' | 'delete' | 'delete-cas' | 'delete-tree' | 'cas' | 'lock' | 'unlock';

export const KVSRequest = struct({
  Datacenter: str,
  Op: str,
  DirEnt: DirEntry,
  ...WriteRequest.fields,
});
export type KVSRequest = TypeOf<typeof KVSRequest>;

export const KeyRequest = struct({ Datacenter: str, Key: str, ...QueryOptions.fields });
export type KeyRequest = TypeOf<typeof KeyRequest>;

/** `Seperator` is spelled so on the wire. */
export const KeyListRequest = struct({
  Datacenter: str,
  Prefix: str,
  Seperator: str,
  ...QueryOptions.fields,
});
export type KeyListRequest = TypeOf<typeof KeyListRequest>;

export const IndexedDirEntries = struct({ Entries: slice(DirEntry), ...QueryMeta.fields });
export type IndexedDirEntries = TypeOf<typeof IndexedDirEntries>;

export const IndexedKeyList = struct({ Keys: slice(str), ...QueryMeta.fields });
export type IndexedKeyList = TypeOf<typeof IndexedKeyList>;

/** `Op`: `reap`. */
export const TombstoneRequest = struct({
  Datacenter: str,
  Op: str,
  ReapIndex: raftIndex,
  ...WriteRequest.fields,
});
export type TombstoneRequest = TypeOf<typeof TombstoneRequest>;
