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
/** Bits of a code and a byte; above them in 32 bits there is room for so many generations. */
const KEY_BITS = WIDTH_MAX + 8;
const GENERATIONS = 1 << (32 - KEY_BITS);
/** For the first and the last code; those between are made up for by the short codes after them. */
const CONTROL_BYTES = 8;

/** Bits of a code are at most half as many again as those of the byte it stands for. */
class BitWriter {
  readonly #out: Buffer;
  #length = 0;
  #bits = 0;
  #count = 0;

  constructor(inputBytes: number) {
    this.#out = Buffer.allocUnsafe(Math.ceil(inputBytes * 1.5) + CONTROL_BYTES);
  }

  write(code: number, width: number): void {
    this.#bits |= code << this.#count;
    this.#count += width;
    while (this.#count >= 8) {
      this.#out[this.#length++] = this.#bits & 0xff;
      this.#bits >>>= 8;
      this.#count -= 8;
    }
  }

  finish(): Buffer {
    if (this.#count > 0) this.#out[this.#length++] = this.#bits & 0xff;
    return this.#out.subarray(0, this.#length);
  }
}

/**
 * (prefix, byte) → code, for one generation of the encoder's table. Keys carry their generation, so
 * that a new one need not wipe out the old: most packets are far smaller than the table.
 */
class PairTable {
  readonly #keys = new Int32Array(SLOTS);
  readonly #codes = new Uint16Array(SLOTS);
  #generation = 0;

  clear(): void {
    this.#generation += 1;
    if (this.#generation < GENERATIONS) return;
    this.#keys.fill(0);
    this.#generation = 1;
  }

  get(prefix: number, byte: number): number {
    const key = this.#key(prefix, byte);
    for (let slot = hash(key); ; slot = (slot + 1) & (SLOTS - 1)) {
      const found = this.#keys[slot] as number;
      if (found === key) return this.#codes[slot] as number;
      if (!this.#isCurrent(found)) return -1;
    }
  }

  set(prefix: number, byte: number, code: number): void {
    const key = this.#key(prefix, byte);
    let slot = hash(key);
    while (this.#isCurrent(this.#keys[slot] as number)) slot = (slot + 1) & (SLOTS - 1);
    this.#keys[slot] = key;
    this.#codes[slot] = code;
  }

  #key(prefix: number, byte: number): number {
    return (this.#generation << KEY_BITS) | (prefix << 8) | byte;
  }

  #isCurrent(key: number): boolean {
    return key >>> KEY_BITS === this.#generation;
  }
}

function hash(key: number): number {
  return (Math.imul(key, 0x9e3779b1) >>> 18) & (SLOTS - 1);
}

const sharedTable = new PairTable();

/** Compresses `input`; the result may be longer than it. */
export function lzwCompress(input: Uint8Array): Buffer {
  const bits = new BitWriter(input.length);
  const table = sharedTable;
  table.clear();
  let width = WIDTH_MIN;
  let highest = END;

  bits.write(CLEAR, width);
  if (input.length === 0) {
    bits.write(END, width);
    return bits.finish();
  }

  /** Counts a data code; returns whether the table was full and is now empty. */
  const advance = (): boolean => {
    highest += 1;
    if (highest === 1 << width && width < WIDTH_MAX) width += 1;
    if (highest !== CODES_FULL) return false;
    bits.write(CLEAR, width);
    width = WIDTH_MIN;
    highest = END;
    table.clear();
    return true;
  };

  let code = input[0] as number;
  for (let at = 1; at < input.length; at++) {
    const byte = input[at] as number;
    const longer = table.get(code, byte);
    if (longer !== -1) {
      code = longer;
      continue;
    }
    bits.write(code, width);
    if (!advance()) table.set(code, byte, highest);
    code = byte;
  }
  bits.write(code, width);
  advance();
  bits.write(END, width);
  return bits.finish();
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
