/** New inputs out of old ones. All chance is drawn from one seeded source. */

import type { SeededRandom } from '../../../src/world/simulated/random.ts';

/** Bytes of an input that is not stretched. */
const INPUT_BYTES_MAX = 4096;
/** Bytes of a stretched one: what is worse than linear shows at this size. */
const STRETCHED_BYTES_MAX = 65_536;
/** One input in so many is stretched. */
const STRETCH_EVERY = 400;
const CHANGES_MAX = 6;
const PIECE_BYTES_MAX = 64;

/** Numbers at the edges of what fields hold, and descriptors of msgpack. */
const EDGES = [0, 1, 2, 7, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff];
const BYTES = [0, 1, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc7, 0xca, 0xcb];
const WIDE_BYTES = [0xcf, 0xd3, 0xd4, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff];

type Change = (input: Uint8Array, tools: Tools) => Uint8Array;

interface Tools {
  readonly random: SeededRandom;
  readonly tokens: readonly Uint8Array[];
  readonly other: Uint8Array;
}

/** A changed copy of `input`; `other` is an input to take pieces of. */
export function mutate(
  input: Uint8Array,
  other: Uint8Array,
  tokens: readonly Uint8Array[],
  random: SeededRandom,
): Uint8Array {
  const tools: Tools = { random, tokens, other };
  let changed = input;
  for (let left = 1 + below(random, CHANGES_MAX); left > 0; left--) {
    changed = pick(CHANGES, random)(changed, tools);
    if (changed.length > INPUT_BYTES_MAX) changed = changed.subarray(0, INPUT_BYTES_MAX);
  }
  return below(random, STRETCH_EVERY) === 0 ? stretch(changed, random) : Uint8Array.from(changed);
}

const flipBit: Change = (input, { random }) =>
  withBytes(
    input,
    (bytes, at) => {
      bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8));
    },
    random,
  );

const setByte: Change = (input, { random }) =>
  withBytes(
    input,
    (bytes, at) => {
      bytes[at] = random.chance(0.5) ? random.uint32() : pick([...BYTES, ...WIDE_BYTES], random);
    },
    random,
  );

const addToByte: Change = (input, { random }) =>
  withBytes(
    input,
    (bytes, at) => {
      bytes[at] = (bytes[at] as number) + below(random, 9) - 4;
    },
    random,
  );

/** Writes a number at the edge, or one that says how many bytes follow, more or less. */
const setNumber: Change = (input, { random }) =>
  withBytes(
    input,
    (bytes, at) => {
      const width = pick([1, 2, 4], random);
      if (at + width > bytes.length) return;
      const rest = bytes.length - at - width;
      const value = random.chance(0.5) ? pick(EDGES, random) : rest + below(random, 5) - 2;
      for (let n = 0; n < width; n++) bytes[at + n] = value >>> (8 * (width - 1 - n));
    },
    random,
  );

const insertBytes: Change = (input, { random }) =>
  splice(input, below(random, input.length + 1), 0, random.bytes(1 + below(random, 8)));

const insertToken: Change = (input, { random, tokens }) =>
  tokens.length === 0
    ? input
    : splice(input, below(random, input.length + 1), 0, pick(tokens, random));

const replaceByToken: Change = (input, { random, tokens }) => {
  if (tokens.length === 0) return input;
  const token = pick(tokens, random);
  return splice(input, below(random, input.length + 1), token.length, token);
};

const removeBytes: Change = (input, { random }) => {
  const at = below(random, input.length + 1);
  return splice(input, at, 1 + below(random, PIECE_BYTES_MAX), new Uint8Array(0));
};

const cutOff: Change = (input, { random }) => input.subarray(0, below(random, input.length + 1));

/** A piece of another input, put in or put over. */
const takeOver: Change = (input, { random, other }) => {
  const from = below(random, other.length + 1);
  const piece = other.subarray(from, from + 1 + below(random, PIECE_BYTES_MAX * 4));
  const over = random.chance(0.5) ? piece.length : 0;
  return splice(input, below(random, input.length + 1), over, piece);
};

const crossOver: Change = (input, { random, other }) =>
  concat(
    input.subarray(0, below(random, input.length + 1)),
    other.subarray(below(random, other.length + 1)),
  );

const repeatPiece: Change = (input, { random }) => {
  const from = below(random, input.length + 1);
  const piece = input.subarray(from, from + 1 + below(random, PIECE_BYTES_MAX));
  return splice(input, from, 0, repeated(piece, (1 + below(random, 16)) * piece.length));
};

const CHANGES: readonly Change[] = [
  flipBit,
  setByte,
  addToByte,
  setNumber,
  setNumber,
  insertBytes,
  insertToken,
  replaceByToken,
  removeBytes,
  cutOff,
  takeOver,
  crossOver,
  repeatPiece,
];

/** A piece of the input repeated until it is long. */
function stretch(input: Uint8Array, random: SeededRandom): Uint8Array {
  const from = below(random, input.length + 1);
  const piece = input.subarray(from, from + 1 + below(random, PIECE_BYTES_MAX));
  const room = STRETCHED_BYTES_MAX - input.length;
  return splice(input, from, 0, repeated(piece, below(random, room)));
}

function repeated(piece: Uint8Array, bytes: number): Uint8Array {
  if (piece.length === 0) return piece;
  return new Uint8Array(Buffer.alloc(bytes, piece));
}

function withBytes(
  input: Uint8Array,
  change: (bytes: Uint8Array, at: number) => void,
  random: SeededRandom,
): Uint8Array {
  if (input.length === 0) return random.bytes(1);
  const bytes = Uint8Array.from(input);
  change(bytes, below(random, bytes.length));
  return bytes;
}

function splice(input: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  return concat(input.subarray(0, at), added, input.subarray(at + removed));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

export function below(random: SeededRandom, limit: number): number {
  return limit <= 0 ? 0 : random.uint32() % limit;
}

export function pick<T>(items: readonly T[], random: SeededRandom): T {
  return items[below(random, items.length)] as T;
}
