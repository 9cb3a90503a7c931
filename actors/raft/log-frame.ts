/**
 * Bytes of the write-ahead log.
 *
 * A segment is a header and frames. A frame is what one fsync made durable: all its records or
 * none. So a frame that does not check at the end of the newest segment is a write that the crash
 * cut off, and nobody was promised anything of it; a frame that does not check anywhere else is
 * damage. Headers carry the segment's salt in their checksum, so that a log inside a log, as data,
 * is never taken for frames.
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

const SEGMENT_MAGIC = Buffer.from('MOBIWAL1', 'latin1');
export const SEGMENT_HEADER_BYTES = 32;
const FRAME_MAGIC = Buffer.from([0xf0, 0x6d, 0x62, 0x46]);
export const FRAME_HEADER_BYTES = 20;
const RECORD_HEADER_BYTES = 9;

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

/** One frame of records. `number` counts the frames of the segment. */
export function encodeFrame(
  records: readonly LogRecord[],
  number: number,
  salt: number,
): readonly Buffer[] {
  const parts: Buffer[] = [];
  let length = 0;
  let checksum = 0;
  for (const record of records) {
    for (const part of encodeRecord(record)) {
      parts.push(part);
      length += part.length;
      checksum = crc32(part, checksum);
    }
  }
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  FRAME_MAGIC.copy(header);
  header.writeUInt32BE(length, 4);
  header.writeUInt32BE(number, 8);
  header.writeUInt32BE(checksum, 12);
  header.writeUInt32BE(crc32(header.subarray(0, 16), salt), 16);
  return [header, ...parts];
}

function encodeRecord(record: LogRecord): readonly Buffer[] {
  const body =
    record.kind === 'entry'
      ? encode(LogEntry, record.entry)
      : encode(Reset, { Index: record.at.index, Term: record.at.term });
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeUInt32BE(body.length, 0);
  header.writeUInt32BE(crc32(body), 4);
  header[8] = record.kind === 'entry' ? 0 : 1;
  return [header, body];
}

export type FrameRead =
  | { readonly ok: true; readonly records: readonly LogRecord[]; readonly next: number }
  /** `damaged`: the frame was written whole, so that this is not what a crash leaves. */
  | { readonly ok: false; readonly damaged: boolean; readonly reason: string };

function unread(reason: string): FrameRead {
  return { ok: false, damaged: false, reason };
}

/** Reads the frame at `offset`; `next` is the offset behind it. */
export function decodeFrame(
  bytes: Buffer,
  offset: number,
  number: number,
  salt: number,
): FrameRead {
  const header = frameHeaderAt(bytes, offset, salt);
  if (header === undefined) return unread('the frame header does not check');
  if (header.number !== number) return unread(`frame ${header.number} in its place`);
  const start = offset + FRAME_HEADER_BYTES;
  const end = start + header.length;
  if (end > bytes.length) return unread('the frame is cut off');
  const payload = bytes.subarray(start, end);
  if (crc32(payload) !== header.checksum) return unread('the frame does not check');
  const records = decodeRecords(payload);
  if (typeof records !== 'string') return { ok: true, records, next: end };
  return { ok: false, damaged: true, reason: records };
}

interface FrameHeader {
  readonly length: number;
  readonly number: number;
  readonly checksum: number;
}

function frameHeaderAt(bytes: Buffer, offset: number, salt: number): FrameHeader | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const header = bytes.subarray(offset, offset + FRAME_HEADER_BYTES);
  if (!header.subarray(0, 4).equals(FRAME_MAGIC)) return undefined;
  if (crc32(header.subarray(0, 16), salt) !== header.readUInt32BE(16)) return undefined;
  return {
    length: header.readUInt32BE(4),
    number: header.readUInt32BE(8),
    checksum: header.readUInt32BE(12),
  };
}

/** Whether a later frame begins anywhere behind `offset`: then what is at `offset` was durable. */
export function laterFrameExists(
  bytes: Buffer,
  offset: number,
  number: number,
  salt: number,
): boolean {
  let at = bytes.indexOf(FRAME_MAGIC, offset + 1);
  while (at >= 0) {
    const header = frameHeaderAt(bytes, at, salt);
    if (header !== undefined && header.number > number) return true;
    at = bytes.indexOf(FRAME_MAGIC, at + 1);
  }
  return false;
}

/** The records of a sound frame, or why they cannot be read. */
function decodeRecords(payload: Buffer): readonly LogRecord[] | string {
  const records: LogRecord[] = [];
  for (let offset = 0; offset < payload.length; ) {
    const start = offset + RECORD_HEADER_BYTES;
    const end = start <= payload.length ? start + payload.readUInt32BE(offset) : start;
    const place = `record at ${offset} of a sound frame`;
    if (end > payload.length) return `${place} is cut off`;
    const body = payload.subarray(start, end);
    if (crc32(body) !== payload.readUInt32BE(offset + 4)) return `${place} does not check`;
    const record = decodeRecord(payload[offset + 8] as number, body);
    if (typeof record === 'string') return `${place}: ${record}`;
    records.push(record);
    offset = end;
  }
  return records;
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
