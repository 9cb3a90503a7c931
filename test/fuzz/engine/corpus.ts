/** Inputs that once reached something new, kept as hex in test/vectors/fuzz. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../vectors/fuzz/', import.meta.url));
/** Digits of hex that one decoder may keep; the corpus is to stay small. */
const DIGITS_MAX = 5500;
/** Digits of one input. */
const INPUT_DIGITS_MAX = 1000;

export function readCorpus(name: string): readonly Uint8Array[] {
  const path = `${FOLDER}${name}.json`;
  if (!existsSync(path)) return [];
  const hexes = JSON.parse(readFileSync(path, 'utf8')) as readonly string[];
  return hexes.map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
}

/** Writes the smallest inputs, as many as there is room for. */
export function writeCorpus(name: string, inputs: readonly Uint8Array[]): void {
  const hexes: string[] = [];
  let digits = 0;
  for (const input of [...inputs].sort((a, b) => a.length - b.length)) {
    const hex = Buffer.from(input).toString('hex');
    digits += hex.length + 4;
    if (hex.length > INPUT_DIGITS_MAX || digits > DIGITS_MAX) break;
    hexes.push(hex);
  }
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(
    `${FOLDER}${name}.json`,
    `${JSON.stringify(hexes, null, 0).replaceAll(',', ',\n')}\n`,
  );
}
