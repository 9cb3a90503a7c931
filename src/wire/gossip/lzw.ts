/**
 * LZW as GIF and Go's compress/lzw have it: codes packed from the least significant bit, literals of
 * 8 bits, code width 9 to 12. The encoder makes the same choices as Go's (which flushes the table
 * one code early and counts the last data code before the end code), so that its output is the same.
 */

const CLEAR = 256;
const END = 257;
const WIDTH_MIN = 9;
const WIDTH_MAX = 12;
const CODES_MAX = 1 << WIDTH_MAX;
/** At this many assigned codes Go's encoder starts over. */
const CODES_FULL = CODES_MAX - 1;

/** Slots of the encoder's open-addressing table; a power of two, four times the codes. */
const SLOTS = CODES_MAX * 4;
const SLOT_MASK = SLOTS - 1;
/** Bits of a code and a byte; above them in 32 bits there is room for so many generations. */
const KEY_BITS = WIDTH_MAX + 8;
const GENERATIONS = 1 << (32 - KEY_BITS);
/** For the first and the last code; those between are made up for by the short codes after them. */
const CONTROL_BYTES = 8;

/**
 * (prefix, byte) → code, for one generation of the encoder's table. Keys carry their generation, so
 * that a new one need not wipe out the old: most packets are far smaller than the table.
 */
const encoderTable = {
  keys: new Int32Array(SLOTS),
  codes: new Uint16Array(SLOTS),
  generation: 0,
};

/** Begins a new generation. Returns what its keys begin with. */
function clearTable(): number {
  encoderTable.generation += 1;
  if (encoderTable.generation === GENERATIONS) {
    encoderTable.keys.fill(0);
    encoderTable.generation = 1;
  }
  return encoderTable.generation << KEY_BITS;
}

/** Spreads the keys over the slots (Fibonacci hashing). */
const HASH_FACTOR = 0x9e3779b1;
const HASH_SHIFT = 18;

/**
 * Compresses `input`; the result may be longer than it. One loop without calls: members compress so
 * seldom that this is not compiled for minutes, and then calls cost more than all the rest.
 */
export function lzwCompress(input: Uint8Array): Buffer {
  const { keys, codes } = encoderTable;
  // Bits of a code are at most half as many again as those of the byte it stands for.
  const out = Buffer.allocUnsafe(Math.ceil(input.length * 1.5) + CONTROL_BYTES);
  let length = 0;
  let bits = CLEAR;
  let count = WIDTH_MIN;
  let width = WIDTH_MIN;
  let highest = END;
  let generation = clearTable();
  let prefix = input[0] ?? END;

  for (let at = 1; at < input.length; at++) {
    const byte = input[at] as number;
    const key = generation | (prefix << 8) | byte;
    let slot = (Math.imul(key, HASH_FACTOR) >>> HASH_SHIFT) & SLOT_MASK;
    let found = keys[slot] as number;
    while (found !== key && (found ^ generation) >>> KEY_BITS === 0) {
      slot = (slot + 1) & SLOT_MASK;
      found = keys[slot] as number;
    }
    if (found === key) {
      prefix = codes[slot] as number;
      continue;
    }
    bits |= prefix << count;
    count += width;
    while (count >= 8) {
      out[length++] = bits & 0xff;
      bits >>>= 8;
      count -= 8;
    }
    prefix = byte;
    highest += 1;
    if (highest === 1 << width && width < WIDTH_MAX) width += 1;
    if (highest === CODES_FULL) {
      bits |= CLEAR << count;
      count += width;
      width = WIDTH_MIN;
      highest = END;
      generation = clearTable();
    } else {
      keys[slot] = key;
      codes[slot] = highest;
    }
  }

  for (const last of lastCodes(prefix, width, highest)) {
    bits |= last.code << count;
    count += last.width;
    while (count > 0 && (count >= 8 || last.code === END)) {
      out[length++] = bits & 0xff;
      bits >>>= 8;
      count -= 8;
    }
  }
  return out.subarray(0, length);
}

/** What ends the codes: that of the last bytes, and the end itself. No bytes have the end alone. */
function lastCodes(
  prefix: number,
  width: number,
  highest: number,
): readonly { readonly code: number; readonly width: number }[] {
  const end = { code: END, width };
  if (prefix === END) return [end];
  const last = { code: prefix, width };
  const count = highest + 1;
  if (count === CODES_FULL) return [last, { code: CLEAR, width }, { code: END, width: WIDTH_MIN }];
  return [last, count === 1 << width && width < WIDTH_MAX ? { code: END, width: width + 1 } : end];
}

/** Shared by all calls: an entry is always written before it is read. */
const decoderTables = {
  prefix: new Uint16Array(CODES_MAX),
  suffix: new Uint8Array(CODES_MAX),
  /** Bytes that a code stands for. */
  sizes: new Uint16Array(CODES_MAX).fill(1, 0, CLEAR),
};

export type LzwResult =
  | { readonly ok: true; readonly output: Buffer }
  | { readonly ok: false; readonly error: string };

/** Bytes beyond the end code are ignored. Output longer than `outputMax` bytes is refused. */
export function lzwDecompress(input: Uint8Array, outputMax: number): LzwResult {
  const { prefix, suffix, sizes } = decoderTables;
  let output = Buffer.allocUnsafe(Math.min(outputMax, Math.max(64, input.length * 4)));
  let length = 0;
  let width = WIDTH_MIN;
  let highest = END;
  let previous = -1;
  let bits = 0;
  let count = 0;
  let at = 0;

  for (;;) {
    while (count < width) {
      const byte = input[at++];
      if (byte === undefined) return { ok: false, error: 'lzw: unexpected end' };
      bits |= byte << count;
      count += 8;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    count -= width;

    if (code === CLEAR) {
      width = WIDTH_MIN;
      highest = END;
      previous = -1;
      continue;
    }
    if (code === END) return { ok: true, output: output.subarray(0, length) };
    if (code > highest) return { ok: false, error: 'lzw: invalid code' };

    // A code about to be assigned: the previous string and its own first byte, known only below.
    const unassigned = code === highest && previous !== -1;
    const known = unassigned ? previous : code;
    const size = (sizes[known] as number) + (unassigned ? 1 : 0);
    if (length + size > outputMax) {
      return { ok: false, error: `lzw: output exceeds ${outputMax} bytes` };
    }
    if (length + size > output.length) {
      const grown = Buffer.allocUnsafe(Math.min(outputMax, (length + size) * 2));
      output.copy(grown, 0, 0, length);
      output = grown;
    }
    // The string of a code is found from its last byte to its first.
    let walk = known;
    let place = length + (sizes[known] as number);
    while (walk >= CLEAR) {
      output[--place] = suffix[walk] as number;
      walk = prefix[walk] as number;
    }
    output[--place] = walk;
    length += size;
    if (unassigned) output[length - 1] = walk;

    if (previous !== -1) {
      prefix[highest] = previous;
      suffix[highest] = walk;
      sizes[highest] = (sizes[previous] as number) + 1;
    }
    previous = code;
    highest += 1;
    if (highest >= 1 << width) {
      if (width < WIDTH_MAX) width += 1;
      else {
        previous = -1;
        highest -= 1;
      }
    }
  }
}
