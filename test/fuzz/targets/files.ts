/** Decoders of own files: small ones behind a checksum, and the write-ahead log. */

import { crc32 } from 'node:zlib';
import {
  decodeFrame,
  decodeSegmentHeader,
  encodeFrame,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  laterFrameExists,
} from '../../../actors/raft/log-frame.ts';
import { decodeOwnFile, encodeOwnFile } from '../../../src/wire/own-file.ts';
import { LogEntry } from '../../../src/wire/raft/log-entry.ts';
import { declared, OBJECTS, type Target, whole } from '../engine/target.ts';

/** The first byte: the checksum as it is, or put right. */
const ownFile: Target = {
  name: 'own-file',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: [Buffer.of(0xd4, 0x72), Buffer.of(0xc7), Buffer.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
  seeds: () =>
    [
      { term: 7, votedFor: 'n1' },
      [1, 'a', null, true, 2 ** 40],
      { a: { b: new Uint8Array(9) } },
    ].map((value) => Buffer.concat([Buffer.of(1), encodeOwnFile(value)])),
  read(pieces) {
    const input = Buffer.from(whole(pieces));
    const file = input.subarray(1);
    if ((input[0] ?? 0) & 1 && file.length >= 4) file.writeUInt32BE(crc32(file.subarray(4)));
    return decodeOwnFile(file);
  },
};

const PLACE = { offset: 0, number: 0, salt: 77 };
const MODE = { raw: 0, frame: 1, records: 2 } as const;

/** Puts right the checksum of the frame, and of its records in mode `records`. */
function withChecksums(input: Buffer, mode: number): Buffer {
  const bytes = Buffer.from(input);
  if (bytes.length < FRAME_HEADER_BYTES) return bytes;
  const payload = bytes.subarray(FRAME_HEADER_BYTES);
  for (let at = 0; mode === MODE.records && at + 9 <= payload.length; ) {
    const length = payload.readUInt32BE(at);
    const body = payload.subarray(at + 9, at + 9 + length);
    payload.writeUInt32BE(crc32(body), at + 4);
    at += 9 + length;
  }
  bytes.writeUInt32BE(payload.length, 4);
  bytes.writeUInt32BE(0, 8);
  bytes.writeUInt32BE(crc32(payload), 16);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 20), PLACE.salt), 20);
  return bytes;
}

const walFrame: Target = {
  name: 'wal-frame',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: [Buffer.from([0xf0, 0x6d, 0x62, 0x46]), 'MOBIWAL2', 'Index', 'Data'],
  seeds: () => {
    const entry = LogEntry.of({ Index: 5, Term: 2, Data: Buffer.from('data') });
    const frame = encodeFrame(
      [
        { kind: 'entry', entry },
        { kind: 'reset', at: { index: 4, term: 1 } },
      ],
      PLACE,
    );
    const header = encodeSegmentHeader({ sequence: 1, salt: PLACE.salt, previousBytes: 0 });
    return [
      ...Object.values(MODE).map((mode) => Buffer.concat([Buffer.of(mode), frame])),
      Buffer.concat([Buffer.of(MODE.raw), header]),
      Buffer.concat([Buffer.of(MODE.raw), frame, frame]),
    ];
  },
  read(pieces) {
    const input = whole(pieces);
    const mode = (input[0] ?? 0) % 3;
    const body = input.subarray(1);
    const bytes = mode === MODE.raw ? body : withChecksums(body, mode);
    return [
      decodeSegmentHeader(bytes),
      declared(() => framed(bytes)),
      laterFrameExists(bytes, PLACE),
    ];
  },
};

/** A frame with all that can be read of it. */
function framed(bytes: Buffer): object {
  const frame = decodeFrame(bytes, PLACE);
  return frame.ok ? { next: frame.next, records: [...frame.records] } : frame;
}

export const FILE_TARGETS: readonly Target[] = [ownFile, walFrame];
