/** The small path language of the recordings: `$`, `.key`, `['key']`, `[0]`, `[*]`. */

import type { ExactJson } from '../../src/cli/exact-json.ts';

export type Segment = string | number;
export type PathPattern = readonly (Segment | '*')[];

const STEP = /\.([A-Za-z0-9_-]+)|\['([^']*)'\]|\[(\d+)\]|\[(\*)\]/y;

/** Parses a path that starts with `$`; throws on anything else. */
export function parsePath(text: string): PathPattern {
  const segments: (Segment | '*')[] = [];
  let at = 1;
  if (!text.startsWith('$')) throw new Error(`not a JSON path: ${text}`);
  while (at < text.length) {
    STEP.lastIndex = at;
    const step = STEP.exec(text);
    if (step === null) throw new Error(`not a JSON path: ${text}`);
    const [whole, dotted, quoted, index] = step;
    segments.push(dotted ?? quoted ?? (index === undefined ? '*' : Number(index)));
    at += whole.length;
  }
  return segments;
}

export function matchesPath(pattern: PathPattern, at: readonly Segment[]): boolean {
  return (
    pattern.length === at.length &&
    pattern.every((step, position) => step === '*' || step === at[position])
  );
}

/** The value at a path without stars; `undefined` when there is none. */
export function valueAt(root: ExactJson, path: PathPattern): ExactJson | undefined {
  let value: ExactJson | undefined = root;
  for (const step of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Readonly<Record<string, ExactJson>>)[String(step)];
  }
  return value;
}

export function pathText(at: readonly Segment[]): string {
  return `$${at.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')}`;
}
