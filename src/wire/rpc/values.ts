/** Cuts a byte stream, however split, into msgpack values without decoding them. */

import { ValueScanner } from '../msgpack/scanner.ts';

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
  /** Where in the first of them what is not passed on begins. */
  #from = 0;
  #heldBytes = 0;
  #waiting = false;
  #failed = false;
  readonly #scanner = new ValueScanner();

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
    // While something of the first that is held is gone, there are no parts of a value before it.
    const rest = Buffer.concat([...this.#parts, ...this.#held]).subarray(this.#from);
    this.#clear();
    return rest;
  }

  #drain(): void {
    while (!this.#waiting && !this.#failed) {
      const bytes = this.#held[0];
      if (bytes === undefined) return;
      const from = this.#from;
      const end = this.#scanner.scan(bytes, from);
      if (end < 0) {
        this.#fail('malformed');
        return;
      }
      this.#heldBytes -= end - from;
      this.#from = end;
      if (end === bytes.length) {
        this.#held.shift();
        this.#from = 0;
      }
      if (this.#scanner.done) {
        this.#complete(bytes.subarray(from, end));
      } else {
        this.#keep(bytes.subarray(from));
        if (this.#partsBytes > this.#bytesMax) this.#fail('too large');
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

  #complete(last: Buffer): void {
    const value = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#scanner.reset();
    if (!this.#listener.value(value)) this.#waiting = true;
  }

  #fail(reason: ValueFailure): void {
    this.#failed = true;
    this.#clear();
    this.#listener.failed(reason);
  }

  #clear(): void {
    this.#parts = [];
    this.#held = [];
    this.#from = 0;
    this.#partsBytes = 0;
    this.#heldBytes = 0;
  }
}
