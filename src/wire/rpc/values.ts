/**
 * Cuts a byte stream, however split, into msgpack values without decoding them. The scan resumes
 * where the last chunk ended, so a large value that comes in small pieces is looked at once.
 */

/** Bytes that one value may take; a peer that sends more loses the stream. */
export const VALUE_BYTES_MAX = 64 * 1024 * 1024;

/** Pieces up to this size together are kept as one. */
const JOINED_BYTES_MAX = 4096;

export type ValueFailure = 'malformed' | 'too large';

export interface ValueListener {
  /**
   * One whole value; the bytes belong to the listener. Returning false keeps what follows for
   * `resume`.
   */
  value(bytes: Buffer): boolean;
  /** Foreign bytes where a value should begin, or a value beyond the limit. Nothing follows. */
  failed(reason: ValueFailure): void;
}

export class ValueSplitter {
  readonly #listener: ValueListener;
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #waiting = false;
  #failed = false;
  /** Values still to be seen before the outermost one is complete. */
  #pending = 1;
  #skipLeft = 0;
  /** A descriptor whose length bytes are still arriving. */
  #descriptor = 0;
  #lengthLeft = 0;
  #length = 0;

  constructor(listener: ValueListener, bytesMax: number = VALUE_BYTES_MAX) {
    this.#listener = listener;
    this.#bytesMax = bytesMax;
  }

  /** Bytes kept: of a value that is not complete, or behind one that has to wait. */
  get heldBytes(): number {
    return this.#partsBytes + this.#heldBytes;
  }

  feed(chunk: Uint8Array): void {
    if (this.#failed) return;
    const bytes = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (!this.#waiting) this.#drain();
  }

  /** Goes on after a value whose listener returned false. */
  resume(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#drain();
  }

  /** What was fed and is not part of a value that was passed on. Ends the splitting. */
  takeRest(): Buffer {
    this.#failed = true;
    const rest = Buffer.concat([...this.#parts, ...this.#held]);
    this.#parts = [];
    this.#held = [];
    this.#partsBytes = 0;
    this.#heldBytes = 0;
    return rest;
  }

  #drain(): void {
    while (!this.#waiting && !this.#failed) {
      const bytes = this.#held.shift();
      if (bytes === undefined) return;
      this.#heldBytes -= bytes.length;
      const end = this.#scan(bytes);
      if (end < 0) {
        this.#fail('malformed');
      } else if (!this.#done) {
        this.#keep(bytes);
        if (this.#partsBytes > this.#bytesMax) this.#fail('too large');
      } else {
        if (end < bytes.length) this.#putBack(bytes.subarray(end));
        this.#complete(bytes.subarray(0, end));
      }
    }
  }

  /** Small pieces are joined, lest a value that comes byte by byte costs an object a byte. */
  #keep(bytes: Buffer): void {
    this.#partsBytes += bytes.length;
    const last = this.#parts.at(-1);
    if (last !== undefined && last.length + bytes.length <= JOINED_BYTES_MAX) {
      this.#parts[this.#parts.length - 1] = Buffer.concat([last, bytes]);
    } else {
      this.#parts.push(bytes);
    }
  }

  #putBack(rest: Buffer): void {
    this.#held.unshift(rest);
    this.#heldBytes += rest.length;
  }

  #complete(last: Buffer): void {
    const value = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#pending = 1;
    if (!this.#listener.value(value)) this.#waiting = true;
  }

  #fail(reason: ValueFailure): void {
    this.#failed = true;
    this.#parts = [];
    this.#held = [];
    this.#partsBytes = 0;
    this.#heldBytes = 0;
    this.#listener.failed(reason);
  }

  /** Whether the outermost value is complete. */
  get #done(): boolean {
    return this.#pending === 0 && this.#skipLeft === 0 && this.#lengthLeft === 0;
  }

  /** Scans until the value is complete or the bytes end; returns the offset, -1 when foreign. */
  #scan(bytes: Buffer): number {
    let offset = 0;
    while (offset < bytes.length && !this.#done) {
      if (this.#skipLeft > 0) {
        const size = Math.min(this.#skipLeft, bytes.length - offset);
        this.#skipLeft -= size;
        offset += size;
      } else if (this.#lengthLeft > 0) {
        this.#length = this.#length * 256 + (bytes[offset] as number);
        this.#lengthLeft -= 1;
        offset += 1;
        if (this.#lengthLeft === 0) this.#lengthKnown();
      } else {
        if (!this.#begin(bytes[offset] as number)) return -1;
        offset += 1;
      }
    }
    return offset;
  }

  #begin(byte: number): boolean {
    this.#pending -= 1;
    if (byte < 0x80 || byte >= 0xe0) return true;
    if (byte < 0x90) this.#pending += (byte & 0x0f) * 2;
    else if (byte < 0xa0) this.#pending += byte & 0x0f;
    else if (byte < 0xc0) this.#skipLeft = byte & 0x1f;
    else return this.#beginWide(byte);
    return true;
  }

  #beginWide(byte: number): boolean {
    const shape = WIDE[byte - 0xc0];
    if (shape === undefined || shape.kind === 'foreign') return false;
    if (shape.kind === 'fixed') {
      this.#skipLeft = shape.bytes;
      return true;
    }
    this.#descriptor = byte;
    this.#length = 0;
    this.#lengthLeft = shape.bytes;
    return true;
  }

  #lengthKnown(): void {
    const shape = WIDE[this.#descriptor - 0xc0];
    if (shape?.kind === 'sized') this.#skipLeft = this.#length + shape.extra;
    else if (shape?.kind === 'items') this.#pending += this.#length * shape.each;
  }
}

/** What follows a descriptor from 0xc0 on. */
type Wide =
  | { readonly kind: 'foreign' }
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'sized'; readonly bytes: number; readonly extra: number }
  | { readonly kind: 'items'; readonly bytes: number; readonly each: number };

const fixed = (bytes: number): Wide => ({ kind: 'fixed', bytes });
const sized = (bytes: number, extra = 0): Wide => ({ kind: 'sized', bytes, extra });
const items = (bytes: number, each: number): Wide => ({ kind: 'items', bytes, each });

/** Descriptors 0xc0 … 0xdf. Extensions carry one byte of type beside their length. */
const WIDE: readonly Wide[] = [
  fixed(0),
  { kind: 'foreign' },
  fixed(0),
  fixed(0),
  sized(1),
  sized(2),
  sized(4),
  sized(1, 1),
  sized(2, 1),
  sized(4, 1),
  fixed(4),
  fixed(8),
  fixed(1),
  fixed(2),
  fixed(4),
  fixed(8),
  fixed(1),
  fixed(2),
  fixed(4),
  fixed(8),
  fixed(2),
  fixed(3),
  fixed(5),
  fixed(9),
  fixed(17),
  sized(1),
  sized(2),
  sized(4),
  items(2, 1),
  items(4, 1),
  items(2, 2),
  items(4, 2),
];
