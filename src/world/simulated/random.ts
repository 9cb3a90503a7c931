/** Chance decided by a seed: xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32. */

import type { Random } from '../world.ts';

export interface SeededRandom extends Random {
  /** An independent source; the same name gives the same numbers whatever else was drawn. */
  fork(name: string): SeededRandom;
  /** True with the given probability. Draws nothing when it is 0. */
  chance(probability: number): boolean;
  /** Uniform in [from, to). Draws nothing when they are the same. */
  between(from: number, to: number): number;
}

export function createSeededRandom(seed: number | string): SeededRandom {
  const root = hash32(String(seed));
  let state = root;
  const splitmix = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let d = splitmix() | 1;
  const uint32 = (): number => {
    const times5 = Math.imul(b, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9);
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result >>> 0;
  };
  const float = (): number => (uint32() * 2 ** 21 + (uint32() >>> 11)) / 2 ** 53;
  return {
    uint32,
    float,
    bytes: (n) => {
      const bytes = new Uint8Array(n);
      for (let i = 0; i < n; i += 4) {
        const word = uint32();
        for (let j = 0; j < 4 && i + j < n; j++) bytes[i + j] = word >>> (8 * j);
      }
      return bytes;
    },
    fork: (name) => createSeededRandom(`${root}/${name}`),
    chance: (probability) => probability > 0 && float() < probability,
    between: (from, to) => (to > from ? from + float() * (to - from) : from),
  };
}

/** FNV-1a over UTF-16 units. */
export function hash32(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
