/** Tar files (POSIX ustar) member by member, as they are written and as they come. */

import { DecodeError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';

const BLOCK_BYTES = 512;

/** The end of a tar file. Consul 1.9 refuses anything behind it. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** Places and sizes of the fields of a header. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
} as const;
const FILE_TYPES = new Set(['0', '\0']);
/** pax and GNU headers, which describe the member that follows. */
const EXTENSION_TYPES = new Set(['x', 'g', 'L', 'K']);

/** What stands before the content of a file. */
export function memberHeader(name: string, size: number, unixSeconds: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const put = ([at]: readonly [number, number], text: string): void => {
    header.write(text, at, 'latin1');
  };
  const octal = (value: number, [, size]: readonly [number, number]): string =>
    `${value.toString(8).padStart(size - 1, '0')}\0`;
  put(FIELDS.name, name);
  put(FIELDS.mode, octal(0o600, FIELDS.mode));
  put(FIELDS.uid, octal(0, FIELDS.uid));
  put(FIELDS.gid, octal(0, FIELDS.gid));
  put(FIELDS.size, octal(size, FIELDS.size));
  put(FIELDS.mtime, octal(unixSeconds, FIELDS.mtime));
  put(FIELDS.type, '0');
  put(FIELDS.magic, 'ustar\x0000');
  put(FIELDS.checksum, '        ');
  put(FIELDS.checksum, `${checksum(header).toString(8).padStart(6, '0')}\0 `);
  return header;
}

/** What stands behind it. */
export function memberPadding(size: number): Buffer {
  return Buffer.alloc(paddingBytes(size));
}

function paddingBytes(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** Sum of a header's bytes, the checksum itself counted as blanks. */
function checksum(header: Uint8Array): number {
  const [start, size] = FIELDS.checksum;
  let sum = 0;
  header.forEach((byte, at) => {
    sum += at >= start && at < start + size ? 0x20 : byte;
  });
  return sum;
}

interface MemberHead {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

/** Reads a tar file once, from its beginning. Throws `DecodeError`s in the words of Go's reader. */
export class TarReader {
  readonly #source: ByteSource;
  #contentLeft = 0;
  #padding = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The next member, and whether it is a file; null behind the last. What was not read is skipped. */
  async next(): Promise<{ readonly name: string; readonly isFile: boolean } | null> {
    for (;;) {
      for await (const _ of this.content());
      await this.#source.exactly(this.#padding);
      const header = await this.#source.exactly(BLOCK_BYTES);
      if (header.length === 0) return null;
      if (header.length < BLOCK_BYTES) throw new DecodeError('unexpected EOF');
      if (isZero(header)) return this.#end();
      const { name, size, type } = readHeader(header);
      this.#contentLeft = size;
      this.#padding = paddingBytes(size);
      if (!EXTENSION_TYPES.has(type)) return { name, isFile: FILE_TYPES.has(type) };
    }
  }

  /** The content of the member that `next` gave. */
  async *content(): AsyncGenerator<Buffer> {
    while (this.#contentLeft > 0) {
      const piece = await this.#source.piece(this.#contentLeft);
      if (piece.length === 0) throw new DecodeError('unexpected EOF');
      this.#contentLeft -= piece.length;
      yield piece;
    }
  }

  async #end(): Promise<null> {
    const second = await this.#source.exactly(BLOCK_BYTES);
    if (second.length === 0) return null;
    if (second.length < BLOCK_BYTES) throw new DecodeError('unexpected EOF');
    if (!isZero(second)) throw invalidHeader();
    return null;
  }
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function readHeader(header: Buffer): MemberHead {
  const text = ([start, size]: readonly [number, number]): string =>
    header.toString('latin1', start, start + size).replace(/\0[\s\S]*$/, '');
  const stated = Number.parseInt(text(FIELDS.checksum).trim(), 8);
  const size = Number.parseInt(text(FIELDS.size).trim() || '0', 8);
  if (stated !== checksum(header) || !Number.isSafeInteger(size) || size < 0) throw invalidHeader();
  return { name: text(FIELDS.name), size, type: header.toString('latin1', 156, 157) };
}

function invalidHeader(): DecodeError {
  return new DecodeError('archive/tar: invalid tar header');
}
