/** The machine's chance: the system's cryptographic generator, read in blocks. */

import { randomFillSync } from 'node:crypto';
import type { Random } from '../world.ts';

/** One system call serves this many bytes of small requests. */
const BLOCK_BYTES = 4096;

export function createNodeRandom(): Random {
  const block = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(block.buffer);
  let used = BLOCK_BYTES;
  const uint32 = (): number => {
    if (used + 4 > BLOCK_BYTES) {
      randomFillSync(block);
      used = 0;
    }
    const value = view.getUint32(used);
    used += 4;
    return value;
  };
  return {
    bytes: (n) => randomFillSync(new Uint8Array(n)),
    uint32,
    // 53 random bits, as Math.random has.
    float: () => (uint32() * 2 ** 21 + (uint32() >>> 11)) / 2 ** 53,
  };
}
