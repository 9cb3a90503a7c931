/**
 * Commands too long for one log entry come in pieces, each an entry of its own whose extensions say
 * which piece of what it is (go-raftchunking's ChunkInfo, a protobuf message). The command is
 * applied at the last piece; pieces of an older term are dropped, as their writer has failed.
 */

import { DecodeError } from './errors.ts';

/** Bytes of a piece. (raft's suggested size of an entry) */
export const CHUNK_BYTES = 524_288;

export interface ChunkInfo {
  /** Chosen at random by the writer. */
  readonly opNum: bigint;
  readonly sequenceNum: number;
  readonly numChunks: number;
  /** Extensions of the whole command. */
  readonly nextExtensions: Uint8Array | null;
}

/** A piece that is kept until its command is complete. */
export interface Chunk extends ChunkInfo {
  readonly term: number;
  readonly data: Uint8Array;
}

const FIELD_OP_NUM = 1;
const FIELD_SEQUENCE_NUM = 2;
const FIELD_NUM_CHUNKS = 3;
const FIELD_NEXT_EXTENSIONS = 4;

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;
const TAG_TYPE_BITS = 3;

/** The extensions of one piece; fields that are zero are left out. */
export function encodeChunkInfo(info: ChunkInfo): Uint8Array {
  const bytes: number[] = [];
  const field = (number: number, value: bigint): void => {
    if (value === 0n) return;
    bytes.push((number << TAG_TYPE_BITS) | WIRE_VARINT);
    pushVarint(bytes, value);
  };
  field(FIELD_OP_NUM, info.opNum);
  field(FIELD_SEQUENCE_NUM, BigInt(info.sequenceNum));
  field(FIELD_NUM_CHUNKS, BigInt(info.numChunks));
  if (info.nextExtensions !== null && info.nextExtensions.length > 0) {
    bytes.push((FIELD_NEXT_EXTENSIONS << TAG_TYPE_BITS) | WIRE_LENGTH);
    pushVarint(bytes, BigInt(info.nextExtensions.length));
    bytes.push(...info.nextExtensions);
  }
  return Uint8Array.from(bytes);
}

function pushVarint(bytes: number[], value: bigint): void {
  let rest = value;
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
}

/** Throws `DecodeError` for what is no ChunkInfo. */
export function decodeChunkInfo(bytes: Uint8Array): ChunkInfo {
  const cursor = new Cursor(bytes);
  let opNum = 0n;
  let sequenceNum = 0;
  let numChunks = 0;
  let nextExtensions: Uint8Array | null = null;
  while (!cursor.atEnd) {
    const tag = Number(cursor.varint());
    const number = Math.floor(tag / (1 << TAG_TYPE_BITS));
    const type = tag % (1 << TAG_TYPE_BITS);
    if (number === FIELD_OP_NUM && type === WIRE_VARINT) opNum = cursor.varint();
    else if (number === FIELD_SEQUENCE_NUM && type === WIRE_VARINT) sequenceNum = cursor.u32();
    else if (number === FIELD_NUM_CHUNKS && type === WIRE_VARINT) numChunks = cursor.u32();
    else if (number === FIELD_NEXT_EXTENSIONS && type === WIRE_LENGTH) {
      nextExtensions = cursor.take(Number(cursor.varint()));
    } else cursor.skip(type);
  }
  return { opNum, sequenceNum, numChunks, nextExtensions };
}

class Cursor {
  #offset = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new DecodeError('chunk info: varint of more than 10 bytes');
  }

  u32(): number {
    return Number(BigInt.asUintN(32, this.varint()));
  }

  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new DecodeError('chunk info ends early');
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  skip(wireType: number): void {
    if (wireType === WIRE_VARINT) this.varint();
    else if (wireType === WIRE_FIXED64) this.take(8);
    else if (wireType === WIRE_LENGTH) this.take(Number(this.varint()));
    else if (wireType === WIRE_FIXED32) this.take(4);
    else throw new DecodeError(`chunk info: wire type ${wireType}`);
  }
}

/** Pieces of commands that are not complete, by operation and place. */
export type PendingChunks = ReadonlyMap<bigint, ReadonlyMap<number, Chunk>>;

/** Puts commands together. Only ever drops what is of an older term. */
export class ChunkAssembler {
  readonly #operations = new Map<bigint, Map<number, Chunk>>();
  #term = 0;

  /** Keeps a piece; answers the whole command when it was the last one missing. */
  add(term: number, data: Uint8Array, info: ChunkInfo): Uint8Array | null {
    if (term !== this.#term) {
      this.#operations.clear();
      this.#term = term;
    }
    const pieces = this.#operations.get(info.opNum) ?? new Map<number, Chunk>();
    this.#operations.set(info.opNum, pieces);
    pieces.set(info.sequenceNum, { ...info, term, data: Uint8Array.prototype.slice.call(data) });
    if (pieces.size < info.numChunks) return null;
    this.#operations.delete(info.opNum);
    const ordered = [...pieces.values()].sort((a, b) => a.sequenceNum - b.sequenceNum);
    return Buffer.concat(ordered.map((piece) => piece.data));
  }

  /** A copy for a snapshot. */
  pending(): PendingChunks {
    return new Map([...this.#operations].map(([op, pieces]) => [op, new Map(pieces)]));
  }

  /** Takes what a snapshot holds. */
  restore(pending: PendingChunks): void {
    this.#operations.clear();
    this.#term = 0;
    for (const [op, pieces] of pending) {
      this.#operations.set(op, new Map(pieces));
      for (const piece of pieces.values()) this.#term = piece.term;
    }
  }
}

/** Cuts a command into pieces; the caller chooses a number for the operation. */
export function splitCommand(
  command: Uint8Array,
  opNum: bigint,
): readonly { readonly data: Uint8Array; readonly extensions: Uint8Array }[] {
  const numChunks = Math.ceil(command.length / CHUNK_BYTES);
  return Array.from({ length: numChunks }, (_, sequenceNum) => ({
    data: command.subarray(sequenceNum * CHUNK_BYTES, (sequenceNum + 1) * CHUNK_BYTES),
    extensions: encodeChunkInfo({ opNum, sequenceNum, numChunks, nextExtensions: null }),
  }));
}
