/** Makes what was found small: a failing input, or a corpus. */

import { check } from './check.ts';
import type { Coverage } from './coverage.ts';
import type { Finding } from './session.ts';
import { Broken, type Target } from './target.ts';

/** Readings that making one input small may take. */
const TRIES_MAX = 3000;

/** The smallest input that was found to fail in the same way. */
export async function minimise(
  target: Target,
  finding: Finding,
  before: (input: Uint8Array) => void,
): Promise<Finding> {
  const wanted = kindOf(finding.error);
  let best = finding;
  let tries = 0;
  const fails = async (input: Uint8Array): Promise<boolean> => {
    tries += 1;
    before(input);
    try {
      await check(target, input);
      return false;
    } catch (error) {
      if (kindOf(error) !== wanted) return false;
      best = { input, error };
      return true;
    }
  };
  for (let size = best.input.length >> 1; size >= 1 && tries < TRIES_MAX; ) {
    if (!(await removePieces(best.input, size, fails))) size >>= 1;
  }
  return best;
}

/** Tries to leave out each piece of `size` bytes; true when one could go. */
async function removePieces(
  input: Uint8Array,
  size: number,
  fails: (input: Uint8Array) => Promise<boolean>,
): Promise<boolean> {
  for (let at = 0; at + size <= input.length; at += size) {
    const shorter = Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
    if (await fails(shorter)) return true;
  }
  return false;
}

/** Errors of the same kind come from the same place. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if (error instanceof Broken) return error.message.replace(/[\d., ]+/g, ' ');
  return `${error.name} ${error.stack?.split('\n').find((line) => line.includes(' at ')) ?? ''}`;
}

/** The inputs of a corpus that reach what `base` does not, smallest first. */
export async function smallestCorpus(
  target: Target,
  base: readonly Uint8Array[],
  corpus: readonly Uint8Array[],
  coverage: Coverage,
): Promise<readonly Uint8Array[]> {
  coverage.reset();
  for (const input of base) await check(target, input);
  coverage.add();
  const kept: Uint8Array[] = [];
  for (const input of [...corpus].sort((a, b) => a.length - b.length)) {
    await check(target, input);
    if (coverage.add()) kept.push(input);
  }
  return kept;
}
