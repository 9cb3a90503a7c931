/**
 * The blocks that Consul's wire structs share. Embedded structs are merged into the outer map, so
 * they are spread: `struct({Datacenter: str, ...QueryOptions.fields})`. Everything in this folder
 * bears the names of the wire, in order of the Go declaration.
 */

import { MalformedError } from '../wire/msgpack/reader.ts';
import {
  bool,
  type Codec,
  duration,
  map,
  str,
  struct,
  type TypeOf,
  u64,
} from '../wire/msgpack/schema.ts';

/**
 * A Raft index. Values beyond 2^53 are no real index but may come from a client (`?cas=`): they are
 * read as the largest exact number, which equals no index either.
 */
export const raftIndex: Codec<number> = {
  ...u64,
  decode(reader) {
    if (reader.tryNil()) return 0;
    const value = reader.bigintOrNumber();
    if (value < 0) throw new MalformedError(`${value} does not fit uint64`);
    return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER;
  },
};

export const RaftIndex = struct({ CreateIndex: raftIndex, ModifyIndex: raftIndex });
export type RaftIndex = TypeOf<typeof RaftIndex>;

export const QueryOptions = struct({
  Token: str,
  MinQueryIndex: raftIndex,
  MaxQueryTime: duration,
  AllowStale: bool,
  RequireConsistent: bool,
  UseCache: bool,
  MaxStaleDuration: duration,
  MaxAge: duration,
  MustRevalidate: bool,
  StaleIfError: duration,
  Filter: str,
  AllowNotModifiedResponse: bool,
});
export type QueryOptions = TypeOf<typeof QueryOptions>;

export const QueryMeta = struct({
  Index: raftIndex,
  LastContact: duration,
  KnownLeader: bool,
  ConsistencyLevel: str,
  NotModified: bool,
});
export type QueryMeta = TypeOf<typeof QueryMeta>;

export const WriteRequest = struct({ Token: str });
export type WriteRequest = TypeOf<typeof WriteRequest>;

/** Who asks: for sorting by round-trip time. */
export const QuerySource = struct({ Datacenter: str, Segment: str, Node: str, Ip: str });
export type QuerySource = TypeOf<typeof QuerySource>;

export const DCSpecificRequest = struct({
  Datacenter: str,
  NodeMetaFilters: map(str),
  Source: QuerySource,
  ...QueryOptions.fields,
});
export type DCSpecificRequest = TypeOf<typeof DCSpecificRequest>;

export const NodeSpecificRequest = struct({
  Datacenter: str,
  Node: str,
  ...QueryOptions.fields,
});
export type NodeSpecificRequest = TypeOf<typeof NodeSpecificRequest>;

/** A request without fields of its own, e.g. `Catalog.ListDatacenters`. */
export const DatacentersRequest = struct({ ...QueryOptions.fields });
export type DatacentersRequest = TypeOf<typeof DatacentersRequest>;

/** The reply of procedures that answer nothing. */
export const EmptyReply = struct({});
export type EmptyReply = TypeOf<typeof EmptyReply>;
