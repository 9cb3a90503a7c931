/**
 * Entries of the key/value store as they are kept: one text of a character a byte for all but the
 * key, which the tree has already. A million of them are a million leaves to the collector of
 * garbage, where an object, its flags and a view of its bytes were to be walked and moved; and none
 * keeps a pool of other bytes alive. Values that are large stay outside of V8's heap.
 *
 * A text begins with its form (a bit each for what is there), then LockIndex, CreateIndex and
 * ModifyIndex in groups of seven bits, lowest first; Flags in eight bytes, the session's length and
 * UTF-8, and the value, where there are any.
 */

import type { DirEntry } from '../model/kv.ts';
import { ownBytes } from './same.ts';
import type { RowForm } from './table.ts';

/** Bytes of a value that is kept in the text, at most; beyond, a buffer of its own costs less. */
export const INLINE_BYTES_MAX = 1024;

const HAS_FLAGS = 1;
const HAS_SESSION = 2;
const HAS_VALUE = 4;

const FLAGS_BYTES = 8;
/** Of a form, three indexes and flags; a length of seven-bit groups takes eight for 2^53. */
const FIXED_BYTES_MAX = 1 + 4 * 8 + FLAGS_BYTES;

/** An entry whose value is kept outside of its text. */
interface LargeEntry {
  readonly text: string;
  readonly value: Uint8Array;
}

/** Packing is never under way twice: one place to put a text together serves all. */
let scratch = Buffer.allocUnsafe(FIXED_BYTES_MAX + 2 * INLINE_BYTES_MAX);

export const packedEntries: RowForm<DirEntry> = {
  pack(entry) {
    const value = entry.Value;
    if (value === null || value.length <= INLINE_BYTES_MAX) return textOf(entry, value);
    const large: LargeEntry = { text: textOf(entry, null), value: ownBytes(value) };
    return large;
  },
  unpack(kept, key) {
    if (typeof kept === 'string') return entryOf(kept, key, null);
    const { text, value } = kept as LargeEntry;
    return entryOf(text, key, value);
  },
};

function textOf(entry: DirEntry, value: Uint8Array | null): string {
  const sessionBytes = Buffer.byteLength(entry.Session);
  const most = FIXED_BYTES_MAX + sessionBytes + (value?.length ?? 0);
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most);
  scratch[0] =
    (entry.Flags === 0n ? 0 : HAS_FLAGS) |
    (sessionBytes === 0 ? 0 : HAS_SESSION) |
    (value === null ? 0 : HAS_VALUE);
  let at = putNumber(1, entry.LockIndex);
  at = putNumber(at, entry.CreateIndex);
  at = putNumber(at, entry.ModifyIndex);
  if (entry.Flags !== 0n) at = scratch.writeBigUInt64LE(entry.Flags, at);
  if (sessionBytes !== 0) {
    at = putNumber(at, sessionBytes);
    at += scratch.write(entry.Session, at);
  }
  if (value !== null) {
    scratch.set(value, at);
    at += value.length;
  }
  return scratch.toString('latin1', 0, at);
}

/** Returns the place behind it. */
function putNumber(at: number, value: number): number {
  let left = value;
  let next = at;
  for (; left >= 0x80; next++) {
    scratch[next] = (left % 0x80) | 0x80;
    left = Math.floor(left / 0x80);
  }
  scratch[next] = left;
  return next + 1;
}

function entryOf(text: string, key: string, large: Uint8Array | null): DirEntry {
  const form = text.charCodeAt(0);
  const reading = new Reading(text);
  return {
    LockIndex: reading.number(),
    CreateIndex: reading.number(),
    ModifyIndex: reading.number(),
    Key: key,
    Flags: form & HAS_FLAGS ? reading.bytes(FLAGS_BYTES).readBigUInt64LE() : 0n,
    Session: form & HAS_SESSION ? reading.bytes(reading.number()).toString() : '',
    Value: form & HAS_VALUE ? reading.bytes(text.length) : large,
  };
}

class Reading {
  readonly #text: string;
  /** Behind the form. */
  #at = 1;

  constructor(text: string) {
    this.#text = text;
  }

  number(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const group = this.#text.charCodeAt(this.#at);
      this.#at += 1;
      if (group < 0x80) return value + group * unit;
      value += (group - 0x80) * unit;
      unit *= 0x80;
    }
  }

  /** The next so many, or all that are left. */
  bytes(count: number): Buffer {
    const from = this.#at;
    this.#at += count;
    return Buffer.from(this.#text.slice(from, this.#at), 'latin1');
  }
}
