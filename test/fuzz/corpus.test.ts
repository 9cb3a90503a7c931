/** Every decoder on what the fuzzer has kept: quick, and the same in every run. */

import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { check } from './engine/check.ts';
import { readCorpus } from './engine/corpus.ts';
import { TARGETS } from './targets.ts';

const FOLDER = fileURLToPath(new URL('../vectors/fuzz', import.meta.url));
const CORPUS_BYTES_MAX = 200 * 1024;

describe('decoders of foreign bytes', () => {
  it.each(TARGETS)('$name keeps its promises', async (target) => {
    const inputs = [new Uint8Array(0), ...target.seeds(), ...readCorpus(target.name)];
    expect(inputs.length).toBeGreaterThan(1);
    for (const input of inputs) {
      const hex = Buffer.from(input).toString('hex').slice(0, 2000);
      try {
        await check(target, input);
      } catch (cause) {
        throw new Error(`npm run fuzz -- --decoder ${target.name} --input ${hex}`, { cause });
      }
    }
  });

  it('keep a small corpus, and none for decoders that are gone', () => {
    const files = readdirSync(FOLDER);
    const names = new Set(TARGETS.map(({ name }) => `${name}.json`));
    expect(files.filter((file) => !names.has(file))).toEqual([]);
    const bytes = files.reduce((sum, file) => sum + statSync(`${FOLDER}/${file}`).size, 0);
    expect(bytes).toBeLessThan(CORPUS_BYTES_MAX);
  });
});
