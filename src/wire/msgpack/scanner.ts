/**
 * Finds where msgpack values end without decoding them. The scan resumes where the bytes ended, so a
 * value that comes in many pieces is looked at once.
 */

export class ValueScanner {
  /** Values still to be seen before the outermost one is complete. */
  #pending = 1;
  #skipLeft = 0;
  /** A descriptor whose length bytes are still arriving. */
  #descriptor = 0;
  #lengthLeft = 0;
  #length = 0;

  /** Whether the outermost value is complete. */
  get done(): boolean {
    return this.#pending === 0 && this.#skipLeft === 0 && this.#lengthLeft === 0;
  }

  /** Makes ready for the value behind. */
  reset(): void {
    this.#pending = 1;
  }

  /** Scans until the value is complete or the bytes end; returns the offset, -1 when foreign. */
  scan(bytes: Buffer, from = 0): number {
    let offset = from;
    while (offset < bytes.length && !this.done) {
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
