/**
 * Reads msgpack as Go programs of the Consul family send and accept it: every width of every
 * family, text and bytes alike. Reading never trusts a length: a value that claims more than the
 * bytes at hand is `Incomplete` (a stream may wait for more), anything else foreign is `Malformed`.
 */

/** The bytes end before the value does. */
export class IncompleteError extends Error {
  override readonly name = 'IncompleteError';
}

/** The bytes are not what was expected at this place. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** Nesting allowed when skipping or reading values of unknown shape. */
const DEPTH_MAX = 64;

/**
 * Memory that one value may take when it is decoded, bytes. A byte on the wire can stand for a
 * struct of many fields, so that the size of a message alone bounds nothing.
 */
export const DECODED_BYTES_MAX = 256 * 1024 * 1024;
const SLOT_BYTES = 16;
const ENTRY_BYTES = 64;
const TEXT_BYTES = 24;
const VIEW_BYTES = 96;

export type MsgpackKind =
  | 'nil'
  | 'bool'
  | 'int'
  | 'float'
  | 'raw'
  | 'array'
  | 'map'
  | 'ext'
  | 'invalid';

export class MsgpackReader {
  readonly bytes: Buffer;
  offset: number;
  #room = DECODED_BYTES_MAX;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
  }

  get atEnd(): boolean {
    return this.offset >= this.bytes.length;
  }

  /** Counts memory that decoding is about to take. */
  charge(bytes: number): void {
    this.#room -= bytes;
    if (this.#room < 0) {
      throw new MalformedError(`value takes more than ${DECODED_BYTES_MAX} bytes when decoded`);
    }
  }

  /** The family of the next value, not consumed. */
  peek(): MsgpackKind {
    const byte = this.#peekByte();
    if (byte < 0x80 || byte >= 0xe0) return 'int';
    if (byte < 0x90) return 'map';
    if (byte < 0xa0) return 'array';
    if (byte < 0xc0) return 'raw';
    return KIND_BY_BYTE[byte - 0xc0] ?? 'invalid';
  }

  /** Consumes a nil and returns true, or leaves everything as it is. */
  tryNil(): boolean {
    if (this.#peekByte() !== 0xc0) return false;
    this.offset += 1;
    return true;
  }

  /** Consumes exactly these bytes and returns true, or leaves everything as it is. */
  tryBytes(expected: Uint8Array): boolean {
    const { bytes, offset } = this;
    if (offset + expected.length > bytes.length) return false;
    for (let at = 0; at < expected.length; at++) {
      if (bytes[offset + at] !== expected[at]) return false;
    }
    this.offset = offset + expected.length;
    return true;
  }

  /** `c2`, `c3`, or an integer 0 or 1. */
  bool(): boolean {
    const byte = this.#byte();
    if (byte === 0xc2 || byte === 0) return false;
    if (byte === 0xc3 || byte === 1) return true;
    throw this.#unexpected(byte, 'a bool');
  }

  /** An integer of any width that a JavaScript number holds exactly. */
  int(): number {
    const value = this.bigintOrNumber();
    if (typeof value === 'number') return value;
    throw new MalformedError(`integer ${value} is beyond 2^53 at offset ${this.offset}`);
  }

  /** An integer of any width; a bigint only where a number would not be exact. */
  bigintOrNumber(): number | bigint {
    const byte = this.#byte();
    if (byte < 0x80) return byte;
    if (byte >= 0xe0) return byte - 0x100;
    switch (byte) {
      case 0xcc:
        return this.#byte();
      case 0xcd:
        return this.#u16();
      case 0xce:
        return this.#u32();
      case 0xcf:
        return narrow(this.bytes.readBigUInt64BE(this.#take(8)));
      case 0xd0:
        return this.bytes.readInt8(this.#take(1));
      case 0xd1:
        return this.bytes.readInt16BE(this.#take(2));
      case 0xd2:
        return this.bytes.readInt32BE(this.#take(4));
      case 0xd3:
        return narrow(this.bytes.readBigInt64BE(this.#take(8)));
      default:
        throw this.#unexpected(byte, 'an integer');
    }
  }

  /** A float of either width, or any integer. */
  float(): number {
    const byte = this.#peekByte();
    if (byte === 0xcb) {
      this.offset += 1;
      return this.bytes.readDoubleBE(this.#take(8));
    }
    if (byte === 0xca) {
      this.offset += 1;
      return this.bytes.readFloatBE(this.#take(4));
    }
    return Number(this.bigintOrNumber());
  }

  /** The bytes of a str or bin value, as a view into the input. */
  raw(): Buffer {
    const byte = this.#byte();
    const size = this.#rawSize(byte);
    const start = this.#take(size);
    this.charge(VIEW_BYTES);
    return this.bytes.subarray(start, start + size);
  }

  /** The bytes of a str or bin value as text, read as UTF-8. */
  rawText(): string {
    return this.#text(this.#rawSize(this.#byte()));
  }

  /** The text of a str value. bin is refused, as Go refuses it. */
  string(): string {
    const byte = this.#peekByte();
    if (byte >= 0xc4 && byte <= 0xc6) {
      throw this.#unexpected(byte, 'a string');
    }
    this.offset += 1;
    return this.#text(this.#rawSize(byte));
  }

  /** Number of elements; each element takes at least a byte, so more than remain is incomplete. */
  arrayHeader(): number {
    const byte = this.#byte();
    if (byte >= 0x90 && byte < 0xa0) return byte & 0x0f;
    if (byte === 0xdc) return this.#u16();
    if (byte === 0xdd) return this.#u32();
    throw this.#unexpected(byte, 'an array');
  }

  mapHeader(): number {
    const byte = this.#byte();
    if (byte >= 0x80 && byte < 0x90) return byte & 0x0f;
    if (byte === 0xde) return this.#u16();
    if (byte === 0xdf) return this.#u32();
    throw this.#unexpected(byte, 'a map');
  }

  /** Skips one value of any kind, extensions included. */
  skip(): void {
    let pending = 1;
    while (pending > 0) {
      pending -= 1;
      const byte = this.#byte();
      if (byte < 0x80 || byte >= 0xe0) continue;
      if (byte < 0x90) pending += (byte & 0x0f) * 2;
      else if (byte < 0xa0) pending += byte & 0x0f;
      else if (byte < 0xc0) this.#take(byte & 0x1f);
      else pending += this.#skipWide(byte);
    }
  }

  /**
   * A value of unknown shape, as Go reads it into `interface{}`: raw becomes text when it is valid
   * UTF-8, else bytes; maps become objects; integers beyond 2^53 become bigints.
   */
  any(depth = 0): MsgpackAny {
    if (depth > DEPTH_MAX) throw new MalformedError(`nested deeper than ${DEPTH_MAX}`);
    switch (this.peek()) {
      case 'nil':
        this.offset += 1;
        return null;
      case 'bool':
        return this.bool();
      case 'int':
        return this.bigintOrNumber();
      case 'float':
        return this.float();
      case 'raw':
        return textOrBytes(this.raw());
      case 'array': {
        const items: MsgpackAny[] = [];
        for (let left = this.arrayHeader(); left > 0; left--) {
          this.charge(SLOT_BYTES);
          items.push(this.any(depth + 1));
        }
        return items;
      }
      case 'map': {
        const entries: [string, MsgpackAny][] = [];
        for (let left = this.mapHeader(); left > 0; left--) {
          this.charge(ENTRY_BYTES);
          entries.push([this.#anyKey(), this.any(depth + 1)]);
        }
        return Object.fromEntries(entries);
      }
      default:
        throw this.#unexpected(this.#peekByte(), 'a value');
    }
  }

  #anyKey(): string {
    return this.peek() === 'raw' ? this.raw().toString('utf8') : String(this.bigintOrNumber());
  }

  #skipWide(byte: number): number {
    switch (byte) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return 0;
      case 0xc7:
        this.#take(this.#byte() + 1);
        return 0;
      case 0xc8:
        this.#take(this.#u16() + 1);
        return 0;
      case 0xc9:
        this.#take(this.#u32() + 1);
        return 0;
      case 0xca:
      case 0xce:
      case 0xd2:
        this.#take(4);
        return 0;
      case 0xcb:
      case 0xcf:
      case 0xd3:
        this.#take(8);
        return 0;
      case 0xcc:
      case 0xd0:
        this.#take(1);
        return 0;
      case 0xcd:
      case 0xd1:
        this.#take(2);
        return 0;
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        this.#take(1 + (1 << (byte - 0xd4)));
        return 0;
      case 0xdc:
        return this.#u16();
      case 0xdd:
        return this.#u32();
      case 0xde:
        return this.#u16() * 2;
      case 0xdf:
        return this.#u32() * 2;
      default:
        this.#take(this.#rawSize(byte));
        return 0;
    }
  }

  #rawSize(byte: number): number {
    if (byte >= 0xa0 && byte < 0xc0) return byte & 0x1f;
    switch (byte) {
      case 0xc4:
      case 0xd9:
        return this.#byte();
      case 0xc5:
      case 0xda:
        return this.#u16();
      case 0xc6:
      case 0xdb:
        return this.#u32();
      default:
        throw this.#unexpected(byte, 'a string or bytes');
    }
  }

  #text(size: number): string {
    const start = this.#take(size);
    this.charge(TEXT_BYTES + size);
    return this.bytes.toString('utf8', start, start + size);
  }

  #byte(): number {
    return this.bytes[this.#take(1)] as number;
  }

  #peekByte(): number {
    const byte = this.bytes[this.offset];
    if (byte === undefined) throw new IncompleteError(`value expected at offset ${this.offset}`);
    return byte;
  }

  #u16(): number {
    return this.bytes.readUInt16BE(this.#take(2));
  }

  #u32(): number {
    return this.bytes.readUInt32BE(this.#take(4));
  }

  #take(size: number): number {
    const start = this.offset;
    if (start + size > this.bytes.length) {
      throw new IncompleteError(`${size} bytes expected at offset ${start}`);
    }
    this.offset = start + size;
    return start;
  }

  #unexpected(byte: number, wanted: string): MalformedError {
    const hex = byte.toString(16).padStart(2, '0');
    return new MalformedError(`byte 0x${hex} where ${wanted} was expected, near ${this.offset}`);
  }
}

/** What a value of unknown shape decodes to. */
export type MsgpackAny =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly MsgpackAny[]
  | { readonly [key: string]: MsgpackAny };

const KIND_BY_BYTE: readonly MsgpackKind[] = [
  'nil',
  'invalid',
  'bool',
  'bool',
  'raw',
  'raw',
  'raw',
  'ext',
  'ext',
  'ext',
  'float',
  'float',
  'int',
  'int',
  'int',
  'int',
  'int',
  'int',
  'int',
  'int',
  'ext',
  'ext',
  'ext',
  'ext',
  'ext',
  'raw',
  'raw',
  'raw',
  'array',
  'array',
  'map',
  'map',
];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOrBytes(raw: Buffer): string | Uint8Array {
  try {
    return utf8.decode(raw);
  } catch {
    return Buffer.from(raw);
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
