/** A terminal that remembers, and a reader of recorded command runs. */

import { readFileSync } from 'node:fs';
import type { Terminal } from '../../src/cli/command.ts';

export interface MemoryTerminal extends Terminal {
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export function createMemoryTerminal(
  environment: Readonly<Record<string, string>> = {},
): MemoryTerminal {
  let stdout = '';
  let stderr = '';
  return {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    environment,
    readInput: async () => Buffer.alloc(0),
    stdout: () => stdout,
    stderr: () => stderr,
  };
}

export interface RecordedRun {
  readonly command: string;
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Reads `test/vectors/cli/<name>.txt`: what the real program printed. */
export function readRecordedRun(name: string): RecordedRun {
  const text = readFileSync(new URL(`../vectors/cli/${name}.txt`, import.meta.url), 'utf8');
  const found = /^\$ (.*)\n\[exit (\d+)\]\n\[stdout\]\n([\s\S]*?)(?:\[stderr\]\n([\s\S]*))?$/.exec(
    text,
  );
  if (found === null) throw new Error(`${name}: not a recorded run`);
  return {
    command: found[1] as string,
    exit: Number(found[2]),
    stdout: found[3] ?? '',
    stderr: found[4] ?? '',
  };
}
