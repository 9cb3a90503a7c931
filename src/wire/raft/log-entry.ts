/** One entry of the raft log as hashicorp/raft writes it, on the wire and in its store. */

import { bytes, type Codec, struct, type TypeOf, u8, u64 } from '../msgpack/schema.ts';
import { time } from '../msgpack/time.ts';

/** Kinds of entries. Types 2 and 3 are only in old logs: they carry a whole peer list. */
export const ENTRY_TYPE = {
  command: 0,
  noop: 1,
  addPeer: 2,
  removePeer: 3,
  barrier: 4,
  configuration: 5,
} as const;

/**
 * A field that older libraries do not know: left out when `undefined`, so that what was read is
 * written back unchanged.
 */
export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    encode(writer, value) {
      if (value === undefined) writer.nil();
      else codec.encode(writer, value);
    },
    decode: (reader) => codec.decode(reader),
    zero: () => undefined,
    isEmpty: (value) => value === undefined,
  };
}

export const LogEntry = struct(
  {
    Index: u64,
    Term: u64,
    Type: u8,
    /** Null for noop and barrier. */
    Data: bytes,
    /** Chunk information of a split command. */
    Extensions: bytes,
    /** Leader's clock at append; library 1.3.0 and newer. */
    AppendedAt: optional(time),
  },
  { omitEmpty: ['AppendedAt'] },
);
export type LogEntry = TypeOf<typeof LogEntry>;

/** Bytes that an entry takes, roughly: what batches and buffers are limited by. */
export function entryBytes(entry: LogEntry): number {
  return 64 + (entry.Data?.length ?? 0) + (entry.Extensions?.length ?? 0);
}
