/**
 * Packets: messages in their wrappers, from the outside in
 * label > encryption > CRC > compression > compound > messages. Each wrapper may be missing.
 */

import { crc32 } from 'node:zlib';
import { lzwCompress, lzwDecompress } from './lzw.ts';
import {
  Compress,
  encodeTyped,
  MESSAGE_TYPE,
  type PacketMessage,
  type Read,
  readPacketMessage,
  readStruct,
  refused,
} from './messages.ts';
import { open } from './seal.ts';

/** memberlist before 0.2.4 computes the length table in 8 bits: more parts are misread by it. */
export const COMPOUND_PARTS_MAX = 127;
/** Bytes of a compound's header, and for each of its parts. */
export const COMPOUND_HEADER_BYTES = 2;
export const COMPOUND_PART_BYTES = 2;
/** Bytes that one packet may decompress to; senders put at most a datagram's worth in. */
export const PACKET_DECOMPRESSED_MAX = 256 * 1024;
/** Wrappers within wrappers; real senders use two. */
const NESTING_MAX = 8;
const LABEL_BYTES_MAX = 255;
/** Bytes in front of a label. */
export const LABEL_HEADER_BYTES = 2;
const CRC_BYTES = 5;

/** One message as it is, several in a compound. There must be at least one, none may be empty. */
export function packMessages(messages: readonly Uint8Array[]): Buffer {
  const [only] = messages;
  if (only === undefined || messages.some((message) => message.length === 0)) {
    throw new RangeError('a packet needs messages, none of them empty');
  }
  if (messages.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.length);
  if (messages.length > COMPOUND_PARTS_MAX) {
    throw new RangeError(
      `${messages.length} messages in a compound, ${COMPOUND_PARTS_MAX} allowed`,
    );
  }
  const header = Buffer.alloc(COMPOUND_HEADER_BYTES + messages.length * COMPOUND_PART_BYTES);
  header[0] = MESSAGE_TYPE.compound;
  header[1] = messages.length;
  messages.forEach((message, index) => {
    header.writeUInt16BE(message.length, COMPOUND_HEADER_BYTES + index * COMPOUND_PART_BYTES);
  });
  return Buffer.concat([header, ...messages]);
}

/** `data` in a compression wrapper, whether that is shorter or not. */
export function compress(data: Uint8Array): Buffer {
  return encodeTyped(MESSAGE_TYPE.compress, Compress, { Algo: 0, Buf: lzwCompress(data) });
}

/** `data` compressed if that makes it shorter, else as it is. */
export function compressIfShorter(data: Buffer): Buffer {
  const shorter = compress(data);
  return shorter.length < data.length ? shorter : data;
}

export function addCrc(data: Uint8Array): Buffer {
  const header = Buffer.alloc(CRC_BYTES);
  header[0] = MESSAGE_TYPE.hasCrc;
  header.writeUInt32BE(crc32(data), 1);
  return Buffer.concat([header, data]);
}

/** The label header, to be put in front of everything. Throws for a label that has no room. */
export function labelHeader(label: string): Buffer {
  const text = Buffer.from(label);
  if (text.length === 0) return text;
  if (text.length > LABEL_BYTES_MAX) throw new RangeError(`label "${label}" is too long`);
  return Buffer.concat([Buffer.of(MESSAGE_TYPE.hasLabel, text.length), text]);
}

/** Splits off a label header; no header is the empty label. */
export function splitLabel(data: Uint8Array): Read<{ label: string; rest: Uint8Array }> {
  if (data[0] !== MESSAGE_TYPE.hasLabel) return { ok: true, value: { label: '', rest: data } };
  const size = data[1];
  if (size === undefined) return refused('cannot decode label; packet has been truncated');
  if (size === 0) return refused('label header cannot be empty when present');
  if (data.length < 2 + size) return refused('cannot decode label; packet has been truncated');
  const label = Buffer.from(data.subarray(2, 2 + size)).toString('utf8');
  return { ok: true, value: { label, rest: data.subarray(2 + size) } };
}

export interface PacketRules {
  readonly label: string;
  /** Keys that open, primary first; empty: encryption is off. */
  readonly keys: readonly Uint8Array[];
  /** What to do with a packet that no key opens: drop it, or read it as plaintext. */
  readonly plaintext: 'refuse' | 'accept';
}

export interface OpenedPacket {
  readonly messages: readonly PacketMessage[];
  /** What was dropped, and why. */
  readonly problems: readonly string[];
}

interface Reading {
  readonly messages: PacketMessage[];
  readonly problems: string[];
  decompressedBytes: number;
}

/** Takes a packet out of all its wrappers. Never throws; what cannot be read is a problem. */
export function openPacket(data: Uint8Array, rules: PacketRules): OpenedPacket {
  const reading: Reading = { messages: [], problems: [], decompressedBytes: 0 };
  const plain = toPlaintext(data, rules);
  if (!plain.ok) reading.problems.push(plain.error);
  else {
    const checked = checkCrc(plain.value);
    if (!checked.ok) reading.problems.push(checked.error);
    else unwrap(checked.value, reading, 0);
  }
  return reading;
}

function toPlaintext(data: Uint8Array, rules: PacketRules): Read<Uint8Array> {
  const labelled = splitLabel(data);
  if (!labelled.ok) return labelled;
  const { label, rest } = labelled.value;
  if (label !== rules.label) {
    return refused(`discarding packet with unacceptable label "${label}"`);
  }
  if (rules.keys.length === 0) return { ok: true, value: rest };
  const opened = open(rules.keys, rest, Buffer.from(label));
  if (opened.ok || rules.plaintext === 'refuse') return opened;
  return { ok: true, value: rest };
}

function checkCrc(data: Uint8Array): Read<Uint8Array> {
  if (data[0] !== MESSAGE_TYPE.hasCrc || data.length < CRC_BYTES) return { ok: true, value: data };
  const view = Buffer.from(data.buffer, data.byteOffset, data.length);
  const body = view.subarray(CRC_BYTES);
  const expected = view.readUInt32BE(1);
  const actual = crc32(body);
  if (actual === expected) return { ok: true, value: body };
  return refused(`Got invalid checksum for UDP packet: ${hex(actual)}, ${hex(expected)}`);
}

function hex(value: number): string {
  return value.toString(16);
}

function unwrap(data: Uint8Array, reading: Reading, depth: number): void {
  if (depth > NESTING_MAX) {
    reading.problems.push(`wrappers nested deeper than ${NESTING_MAX}`);
    return;
  }
  if (data[0] === MESSAGE_TYPE.compound) unwrapCompound(data, reading, depth);
  else if (data[0] === MESSAGE_TYPE.compress) unwrapCompressed(data, reading, depth);
  else {
    const read = readPacketMessage(data);
    if (read.ok) reading.messages.push(read.value);
    else reading.problems.push(read.error);
  }
}

function unwrapCompound(data: Uint8Array, reading: Reading, depth: number): void {
  const count = data[1];
  const tableEnd = COMPOUND_HEADER_BYTES + (count ?? 0) * COMPOUND_PART_BYTES;
  if (count === undefined || data.length < tableEnd) {
    reading.problems.push('Failed to decode compound request: truncated len slice');
    return;
  }
  const view = Buffer.from(data.buffer, data.byteOffset, data.length);
  let at = tableEnd;
  for (let part = 0; part < count; part++) {
    const size = view.readUInt16BE(COMPOUND_HEADER_BYTES + part * COMPOUND_PART_BYTES);
    if (at + size > view.length) {
      reading.problems.push(`Compound request had ${count - part} truncated messages`);
      return;
    }
    unwrap(view.subarray(at, at + size), reading, depth + 1);
    at += size;
  }
}

function unwrapCompressed(data: Uint8Array, reading: Reading, depth: number): void {
  const room = PACKET_DECOMPRESSED_MAX - reading.decompressedBytes;
  const inner = decompress(data, room);
  if (!inner.ok) {
    reading.problems.push(`Failed to decompress packet: ${inner.error}`);
    return;
  }
  reading.decompressedBytes += inner.value.length;
  unwrap(inner.value, reading, depth + 1);
}

/** Content of a compression wrapper, of at most `outputMax` bytes. Never throws. */
export function decompress(data: Uint8Array, outputMax: number): Read<Buffer> {
  const wrapper = readStruct(Compress, data, 1);
  if (!wrapper.ok) return wrapper;
  const { Algo, Buf } = wrapper.value;
  if (Algo !== 0) return refused(`Cannot decompress unknown algorithm ${Algo}`);
  const result = lzwDecompress(Buf ?? new Uint8Array(0), outputMax);
  return result.ok ? { ok: true, value: result.output } : refused(result.error);
}
