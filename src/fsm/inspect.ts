/** What a state holds, counted by the types of its records. */

import { ValueSplitter } from '../wire/rpc/values.ts';
import { COMMAND_TYPES } from './command-types.ts';
import { undecodable } from './records.ts';
import { RECORD_BYTES_MAX } from './restore.ts';

export interface RecordCount {
  readonly name: string;
  readonly count: number;
  /** Bytes. */
  readonly size: number;
}

const NAMES = new Map<number, string>(
  Object.entries(COMMAND_TYPES).map(([name, type]) => [type, name]),
);

/** Counts the records of a state that is handed in piece by piece. */
export class RecordCounter {
  #bytes = 0;
  readonly #counts = new Map<string, { count: number; size: number }>();
  /** Bytes of the header and the type that the next record is told with. */
  #ahead = 0;
  #sawHeader = false;
  #type: number | undefined;
  readonly #splitter = new ValueSplitter(
    {
      value: (bytes) => this.#value(bytes),
      failed: (reason) => {
        throw undecodable(`snapshot is not readable: ${reason}`);
      },
    },
    RECORD_BYTES_MAX,
  );

  /** Bytes counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Throws a `DecodeError` for bytes that are no state. */
  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    this.#splitter.feed(piece);
  }

  /** Largest first. The first record stands for the header too. Throws when the last is cut off. */
  finish(): readonly RecordCount[] {
    if (this.#splitter.heldBytes > 0 || this.#type !== undefined) {
      throw undecodable('snapshot ends within a record');
    }
    return [...this.#counts]
      .map(([name, { count, size }]) => ({ name, count, size }))
      .sort((a, b) => b.size - a.size);
  }

  #value(bytes: Buffer): boolean {
    const size = this.#ahead + bytes.length;
    if (!this.#sawHeader || this.#type === undefined) {
      if (this.#sawHeader) this.#type = bytes[0] ?? 0;
      this.#sawHeader = true;
      this.#ahead = size;
      return true;
    }
    const name = NAMES.get(this.#type) ?? `Unknown(${this.#type})`;
    const counted = this.#counts.get(name) ?? { count: 0, size: 0 };
    this.#counts.set(name, { count: counted.count + 1, size: counted.size + size });
    this.#type = undefined;
    this.#ahead = 0;
    return true;
  }
}
