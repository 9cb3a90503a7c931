/**
 * Bytes of the write-ahead log.
 *
 * A segment is a header and frames. A frame is what one fsync made durable: all its records or
 * none. The last frame may be torn: the crash came while it was written, and nobody was promised
 * anything of it. A disk writes sectors, each whole or not at all, so that a torn frame lacks its
 * end, or has sectors that read as zeros. Frames are made so that nothing else looks like that: the
 * last byte is never zero, and the header counts the sectors that were empty, or nearly, when they
 * were written. A frame that does not check and is not torn, or that another one follows, was whole
 * once and is damaged.
 *
 * Headers carry the segment's salt in their checksum, so that a log inside a log, as data, is never
 * taken for frames.
 */

import { crc32 } from 'node:zlib';
import type { LogPoint } from '../../machines/raft/log-view.ts';
import { encode, struct, tryDecode, u64 } from '../../src/wire/msgpack/schema.ts';
import { LogEntry } from '../../src/wire/raft/log-entry.ts';

/** What a record says: an entry (in place of everything from its index on), or a new beginning. */
export type LogRecord =
  | { readonly kind: 'entry'; readonly entry: LogEntry }
  | { readonly kind: 'reset'; readonly at: LogPoint };

export interface SegmentHeader {
  readonly sequence: number;
  readonly salt: number;
  /** Bytes of the segment before that are durable; what follows them there is void. */
  readonly previousBytes: number;
}

const SEGMENT_MAGIC = Buffer.from('MOBIWAL2', 'latin1');
export const SEGMENT_HEADER_BYTES = 32;
const FRAME_MAGIC = Buffer.from([0xf0, 0x6d, 0x62, 0x46]);
export const FRAME_HEADER_BYTES = 24;
/** Ends a frame, so that no part of it in a sector of its own is empty. */
const FRAME_END = 0xff;
const RECORD_HEADER_BYTES = 9;
/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
/** A sector with no more bits that are set is nearly empty: one that flips may empty it. */
const STRAY_BITS_MAX = 1;

const Reset = struct({ Index: u64, Term: u64 });

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes);
  bytes.writeBigUInt64BE(BigInt(header.sequence), 8);
  bytes.writeUInt32BE(header.salt, 16);
  bytes.writeBigUInt64BE(BigInt(header.previousBytes), 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** Whether this is what a crash leaves of a header that was being written. */
export function isTornSegmentHeader(bytes: Buffer): boolean {
  return bytes.length < SEGMENT_HEADER_BYTES || isEmpty(bytes, 0, bytes.length, 0);
}

/** `undefined` when the bytes are too few or do not check. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  if (!bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return undefined;
  if (bytes.readUInt32BE(28) !== crc32(bytes.subarray(0, 28))) return undefined;
  return {
    sequence: Number(bytes.readBigUInt64BE(8)),
    salt: bytes.readUInt32BE(16),
    previousBytes: Number(bytes.readBigUInt64BE(20)),
  };
}

/** Where a frame stands. */
export interface FramePlace {
  /** Bytes of its segment before it. */
  readonly offset: number;
  /** Frames of its segment before it. */
  readonly number: number;
  readonly salt: number;
}

export function encodeFrame(records: readonly LogRecord[], place: FramePlace): Buffer {
  const bodies = records.map(bodyOf);
  const length = bodies.reduce((sum, body) => sum + RECORD_HEADER_BYTES + body.length, 1);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  let at = FRAME_HEADER_BYTES;
  for (const [number, body] of bodies.entries()) {
    frame.writeUInt32BE(body.length, at);
    frame.writeUInt32BE(crc32(body), at + 4);
    frame[at + 8] = records[number]?.kind === 'entry' ? 0 : 1;
    frame.set(body, at + RECORD_HEADER_BYTES);
    at += RECORD_HEADER_BYTES + body.length;
  }
  frame[at] = FRAME_END;
  const payload = frame.subarray(FRAME_HEADER_BYTES);
  FRAME_MAGIC.copy(frame);
  frame.writeUInt32BE(length, 4);
  frame.writeUInt32BE(place.number, 8);
  const payloadOffset = place.offset + FRAME_HEADER_BYTES;
  frame.writeUInt32BE(emptyBehindHeader(payload, payloadOffset, STRAY_BITS_MAX), 12);
  frame.writeUInt32BE(crc32(payload), 16);
  frame.writeUInt32BE(crc32(frame.subarray(0, 20), place.salt), 20);
  return frame;
}

function bodyOf(record: LogRecord): Buffer {
  return record.kind === 'entry'
    ? encode(LogEntry, record.entry)
    : encode(Reset, { Index: record.at.index, Term: record.at.term });
}

/** Records of a sound frame one by one, and in the end why another cannot be read, if so. */
export type FrameRecords = Generator<LogRecord, string | undefined>;

export type FrameRead =
  | { readonly ok: true; readonly records: FrameRecords; readonly next: number }
  /** `torn`: what a crash leaves of the last frame. Otherwise it was written whole. */
  | { readonly ok: false; readonly torn: boolean; readonly reason: string };

function unread(torn: boolean, reason: string): FrameRead {
  return { ok: false, torn, reason };
}

/** Reads a frame of a segment; `next` is the offset behind it. */
export function decodeFrame(segment: Buffer, { offset, number, salt }: FramePlace): FrameRead {
  const start = offset + FRAME_HEADER_BYTES;
  if (start > segment.length) return unread(true, 'the frame is cut off');
  const header = frameHeaderAt(segment, offset, salt);
  if (header === undefined) {
    return unread(lacksSectorOfHeader(segment, offset), 'the frame header does not check');
  }
  if (header.number !== number) return unread(false, `frame ${header.number} in its place`);
  const end = start + header.length;
  if (end > segment.length) return unread(true, 'the frame is cut off');
  const payload = segment.subarray(start, end);
  if (crc32(payload) !== header.checksum) {
    const torn = emptyBehindHeader(payload, start, 0) > header.emptySectors;
    return unread(torn, 'the frame does not check');
  }
  return { ok: true, records: recordsOf(payload.subarray(0, -1)), next: end };
}

interface FrameHeader {
  readonly length: number;
  readonly number: number;
  readonly emptySectors: number;
  readonly checksum: number;
}

function frameHeaderAt(bytes: Buffer, offset: number, salt: number): FrameHeader | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const header = bytes.subarray(offset, offset + FRAME_HEADER_BYTES);
  if (!header.subarray(0, 4).equals(FRAME_MAGIC)) return undefined;
  if (crc32(header.subarray(0, 20), salt) !== header.readUInt32BE(20)) return undefined;
  return {
    length: header.readUInt32BE(4),
    number: header.readUInt32BE(8),
    emptySectors: header.readUInt32BE(12),
    checksum: header.readUInt32BE(16),
  };
}

/** Behind a header there is always something that is not zero, in the same sector. */
function lacksSectorOfHeader(segment: Buffer, offset: number): boolean {
  const reach = offset + FRAME_HEADER_BYTES - 1;
  const end = Math.min(segment.length, reach - (reach % SECTOR_BYTES) + SECTOR_BYTES);
  return emptySectors(segment.subarray(offset, end), offset, 0) > 0;
}

/** Of a payload: the sector that it shares with its header is there when the header is. */
function emptyBehindHeader(payload: Buffer, offset: number, strayMax: number): number {
  const shared = (SECTOR_BYTES - (offset % SECTOR_BYTES)) % SECTOR_BYTES;
  return emptySectors(payload.subarray(shared), offset + shared, strayMax);
}

/** How many sectors that these bytes touch have no more than `strayMax` of their bits set. */
function emptySectors(bytes: Buffer, offset: number, strayMax: number): number {
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (isEmpty(bytes, at, next, strayMax)) count += 1;
    at = next;
  }
  return count;
}

function isEmpty(bytes: Buffer, from: number, to: number, strayMax: number): boolean {
  let strayLeft = strayMax;
  for (let at = from; at < to; at++) {
    for (let byte = bytes[at] as number; byte !== 0; byte &= byte - 1) {
      if (strayLeft === 0) return false;
      strayLeft -= 1;
    }
  }
  return true;
}

/** Whether a later frame begins anywhere behind this place: then what stands here was durable. */
export function laterFrameExists(segment: Buffer, { offset, number, salt }: FramePlace): boolean {
  let at = segment.indexOf(FRAME_MAGIC, offset + 1);
  while (at >= 0) {
    const header = frameHeaderAt(segment, at, salt);
    if (header !== undefined && header.number > number) return true;
    at = segment.indexOf(FRAME_MAGIC, at + 1);
  }
  return false;
}

/** A frame may hold as many records as were proposed at once: they are read as they are asked for. */
function* recordsOf(payload: Buffer): Generator<LogRecord, string | undefined> {
  for (let offset = 0; offset < payload.length; ) {
    const start = offset + RECORD_HEADER_BYTES;
    const end = start <= payload.length ? start + payload.readUInt32BE(offset) : start;
    const place = `record at ${offset} of a sound frame`;
    if (end > payload.length) return `${place} is cut off`;
    const body = payload.subarray(start, end);
    if (crc32(body) !== payload.readUInt32BE(offset + 4)) return `${place} does not check`;
    const record = decodeRecord(payload[offset + 8] as number, body);
    if (typeof record === 'string') return `${place}: ${record}`;
    yield record;
    offset = end;
  }
  return undefined;
}

function decodeRecord(kind: number, body: Buffer): LogRecord | string {
  if (kind === 0) {
    const entry = tryDecode(LogEntry, body);
    return entry.ok ? { kind: 'entry', entry: entry.value } : entry.text;
  }
  const reset = tryDecode(Reset, body);
  if (!reset.ok) return reset.text;
  return { kind: 'reset', at: { index: reset.value.Index, term: reset.value.Term } };
}
