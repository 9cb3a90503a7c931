/**
 * Writes msgpack as Go programs of the Consul family do: the "old raw" family of the format, which
 * has no str8 and no bin, so that text and bytes look alike. Integers take the shortest form,
 * non-negative ones always an unsigned form.
 */

const INITIAL_BYTES = 256;
/** Up to here a loop copies faster than the call that is made for it. */
const LOOP_BYTES_MAX = 24;
/** A writer that has grown beyond is not kept. */
const KEPT_BYTES_MAX = 64 * 1024;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** A growing buffer of msgpack values. Reusable after `reset`. */
export class MsgpackWriter {
  #buffer: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  /** Bytes that it takes, written or not. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** The bytes written so far, copied out. */
  finish(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#length);
    this.#buffer.copy(bytes, 0, 0, this.#length);
    return bytes;
  }

  reset(): void {
    this.#length = 0;
  }

  nil(): void {
    this.byte(0xc0);
  }

  bool(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2);
  }

  /** Any safe integer. Throws a RangeError for fractions and unsafe numbers. */
  int(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(`not a safe integer: ${value}`);
    }
    if (value >= 0) this.#unsigned(value);
    else this.#negative(value);
  }

  /** Any 64-bit integer, signed or unsigned. */
  bigint(value: bigint): void {
    if (value >= -BigInt(MAX_SAFE) && value <= BigInt(MAX_SAFE)) {
      this.int(Number(value));
      return;
    }
    if (value > 0xffff_ffff_ffff_ffffn || value < -0x8000_0000_0000_0000n) {
      throw new RangeError(`not a 64-bit integer: ${value}`);
    }
    this.#reserve(9);
    if (value >= 0n) {
      this.#buffer[this.#length] = 0xcf;
      this.#buffer.writeBigUInt64BE(value, this.#length + 1);
    } else {
      this.#buffer[this.#length] = 0xd3;
      this.#buffer.writeBigInt64BE(value, this.#length + 1);
    }
    this.#length += 9;
  }

  float64(value: number): void {
    this.#reserve(9);
    this.#buffer[this.#length] = 0xcb;
    this.#buffer.writeDoubleBE(value, this.#length + 1);
    this.#length += 9;
  }

  float32(value: number): void {
    this.#reserve(5);
    this.#buffer[this.#length] = 0xca;
    this.#buffer.writeFloatBE(value, this.#length + 1);
    this.#length += 5;
  }

  /** Text as a raw value in UTF-8. */
  string(value: string): void {
    if (value.length <= LOOP_BYTES_MAX && this.#shortAscii(value)) return;
    const size = Buffer.byteLength(value);
    this.#rawHeader(size);
    this.#reserve(size);
    this.#buffer.write(value, this.#length, size, 'utf8');
    this.#length += size;
  }

  /** Bytes as a raw value. */
  raw(value: Uint8Array): void {
    this.#rawHeader(value.length);
    this.bytes(value);
  }

  arrayHeader(count: number): void {
    this.#containerHeader(count, 0x90, 0xdc);
  }

  mapHeader(count: number): void {
    this.#containerHeader(count, 0x80, 0xde);
  }

  /** One byte as it is, without a header. */
  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** Bytes as they are, without a header: encoded values, or a constant prefix. */
  bytes(value: Uint8Array): void {
    const { length } = value;
    this.#reserve(length);
    if (length > LOOP_BYTES_MAX) this.#buffer.set(value, this.#length);
    else for (let at = 0; at < length; at++) this.#buffer[this.#length + at] = value[at] as number;
    this.#length += length;
  }

  /**
   * Writes a text of one byte a character, the common case, and of fewer than 32: its header is one
   * byte too. Writes nothing of any other.
   */
  #shortAscii(value: string): boolean {
    const { length } = value;
    this.#reserve(1 + length);
    const start = this.#length + 1;
    for (let at = 0; at < length; at++) {
      const unit = value.charCodeAt(at);
      if (unit >= 0x80) return false;
      this.#buffer[start + at] = unit;
    }
    this.#buffer[this.#length] = 0xa0 | length;
    this.#length = start + length;
    return true;
  }

  #containerHeader(count: number, fix: number, wide: number): void {
    if (count < 16) {
      this.byte(fix | count);
    } else if (count < 0x1_0000) {
      this.byte(wide);
      this.#u16(count);
    } else {
      this.byte(wide + 1);
      this.#u32(count);
    }
  }

  #rawHeader(size: number): void {
    if (size < 32) {
      this.byte(0xa0 | size);
    } else if (size < 0x1_0000) {
      this.byte(0xda);
      this.#u16(size);
    } else {
      this.byte(0xdb);
      this.#u32(size);
    }
  }

  #unsigned(value: number): void {
    if (value < 0x80) {
      this.byte(value);
    } else if (value < 0x100) {
      this.byte(0xcc);
      this.byte(value);
    } else if (value < 0x1_0000) {
      this.byte(0xcd);
      this.#u16(value);
    } else if (value < 0x1_0000_0000) {
      this.byte(0xce);
      this.#u32(value);
    } else {
      this.byte(0xcf);
      this.#u32(Math.floor(value / 0x1_0000_0000));
      this.#u32(value % 0x1_0000_0000);
    }
  }

  #negative(value: number): void {
    if (value >= -32) {
      this.byte(value & 0xff);
      return;
    }
    this.#reserve(9);
    const at = this.#length;
    if (value >= -0x80) {
      this.#buffer[at] = 0xd0;
      this.#buffer.writeInt8(value, at + 1);
      this.#length += 2;
    } else if (value >= -0x8000) {
      this.#buffer[at] = 0xd1;
      this.#buffer.writeInt16BE(value, at + 1);
      this.#length += 3;
    } else if (value >= -0x8000_0000) {
      this.#buffer[at] = 0xd2;
      this.#buffer.writeInt32BE(value, at + 1);
      this.#length += 5;
    } else {
      this.#buffer[at] = 0xd3;
      this.#buffer.writeBigInt64BE(BigInt(value), at + 1);
      this.#length += 9;
    }
  }

  #u16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  #u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

let spare: MsgpackWriter | undefined = new MsgpackWriter();

/** The bytes that `write` writes. One writer serves all calls, but for those within a call. */
export function written(write: (writer: MsgpackWriter) => void): Buffer {
  const writer = spare ?? new MsgpackWriter();
  spare = undefined;
  writer.reset();
  write(writer);
  const bytes = writer.finish();
  if (writer.capacity <= KEPT_BYTES_MAX) spare = writer;
  return bytes;
}
