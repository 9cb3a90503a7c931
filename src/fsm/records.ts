/** Records of state.bin that are not the body of a command. */

import { raftIndex } from '../model/blocks.ts';
import {
  bytes,
  type Codec,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
  u32,
} from '../wire/msgpack/schema.ts';
import type { Chunk, PendingChunks } from './chunking.ts';
import { DecodeError } from './errors.ts';

export const SnapshotHeader = struct({ LastIndex: raftIndex });

/** A row of the index table. */
export const IndexRecord = struct({ Key: str, Value: raftIndex });

/** Only the key and the index of a deleted entry are kept. */
export const ACLBootstrapRecord = struct({ CreateIndex: raftIndex, ModifyIndex: raftIndex });

/** 64-bit integers of which all bits count, as the number of a chunked operation. */
const opNum: Codec<bigint> = {
  encode: (writer, value) => writer.bigint(value),
  decode: (reader) => BigInt(reader.bigintOrNumber()),
  zero: () => 0n,
  isEmpty: () => false,
};

const ChunkRecord = struct({
  OpNum: opNum,
  SequenceNum: u32,
  NumChunks: u32,
  Term: raftIndex,
  Data: bytes,
});
type ChunkRecord = TypeOf<typeof ChunkRecord>;

const ChunkList = slice(pointer(ChunkRecord));

/** A map with integer keys, as no struct has one. */
const ChunkMap: Codec<PendingChunks> = {
  encode(writer, value) {
    writer.mapHeader(value.size);
    for (const [op, pieces] of value) {
      writer.bigint(op);
      ChunkList.encode(writer, recordsOf(pieces));
    }
  },
  decode(reader) {
    const operations = new Map<bigint, ReadonlyMap<number, Chunk>>();
    if (reader.tryNil()) return operations;
    for (let left = reader.mapHeader(); left > 0; left--) {
      operations.set(opNum.decode(reader), piecesOf(ChunkList.decode(reader) ?? []));
    }
    return operations;
  },
  zero: () => new Map(),
  isEmpty: (value) => value.size === 0,
};

export const ChunkingState = struct({ ChunkMap });

/** Pieces at their places, nil where one is missing. */
function recordsOf(pieces: ReadonlyMap<number, Chunk>): readonly (ChunkRecord | null)[] {
  let count = 0;
  for (const piece of pieces.values()) count = Math.max(count, piece.numChunks);
  return Array.from({ length: count }, (_, place) => {
    const piece = pieces.get(place);
    if (piece === undefined) return null;
    return {
      OpNum: piece.opNum,
      SequenceNum: piece.sequenceNum,
      NumChunks: piece.numChunks,
      Term: piece.term,
      Data: piece.data,
    };
  });
}

function piecesOf(records: readonly (ChunkRecord | null)[]): ReadonlyMap<number, Chunk> {
  const pieces = new Map<number, Chunk>();
  for (const record of records) {
    if (record === null) continue;
    pieces.set(record.SequenceNum, {
      opNum: record.OpNum,
      sequenceNum: record.SequenceNum,
      numChunks: record.NumChunks,
      nextExtensions: null,
      term: record.Term,
      data: Uint8Array.prototype.slice.call(record.Data ?? new Uint8Array()),
    });
  }
  return pieces;
}

/** Refuses to read on. */
export function undecodable(text: string, cause?: unknown): DecodeError {
  return new DecodeError(text, { cause });
}
