/** Recorded bytes of real programs, from test/vectors. */

import { readFileSync } from 'node:fs';

export interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly hex: string;
  readonly decoded: unknown;
}

/** The content of a file in test/vectors. */
export function vectorFile(name: string): Buffer {
  return readFileSync(new URL(`../vectors/${name}`, import.meta.url));
}

/** The vectors of a JSON file. */
export function vectorsOf(name: string): readonly Vector[] {
  return JSON.parse(vectorFile(name).toString('utf8')) as readonly Vector[];
}

export function vector(file: string, name: string): Vector {
  const found = vectorsOf(file).find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`no vector ${name} in ${file}`);
  return found;
}
