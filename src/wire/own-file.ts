/**
 * Small files that only mobius reads: a value in msgpack behind a checksum. (What goes over the wire
 * to others has Go's dialect of msgpack, src/wire/msgpack; here the library's own will do.)
 */

import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';

const CHECKSUM_BYTES = 4;
const packr = new Packr({ useRecords: false });

/** The bytes of a file that holds `value`. */
export function encodeOwnFile(value: unknown): Buffer {
  const body = packr.pack(value);
  const file = Buffer.allocUnsafe(CHECKSUM_BYTES + body.length);
  file.writeUInt32BE(crc32(body));
  body.copy(file, CHECKSUM_BYTES);
  return file;
}

/** What the file holds; `undefined` when it is not what `encodeOwnFile` makes. */
export function decodeOwnFile(file: Uint8Array): { readonly value: unknown } | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length <= CHECKSUM_BYTES) return undefined;
  const body = bytes.subarray(CHECKSUM_BYTES);
  if (bytes.readUInt32BE() !== crc32(body)) return undefined;
  try {
    return { value: packr.unpack(body) };
  } catch {
    return undefined;
  }
}
