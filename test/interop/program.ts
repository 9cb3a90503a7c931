// The bundle as a process: what it prints, how it ends, what it leaves behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** First two bytes of all addresses: several runs on one machine keep apart, and from a demo. */
export const NETWORK = process.env['MOBIUS_INTEROP_NETWORK'] ?? `127.${101 + (process.pid % 150)}`;

const BUNDLE = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const LINES_MAX = 50_000;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly child: ChildProcess;
  /** Lines of both outputs, the oldest dropped beyond a limit. */
  readonly lines: string[];
  readonly ended: Promise<Ending>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs the bundle with `args`; `temporary` takes the place of the system's temporary folder. */
export function startProgram(args: readonly string[], temporary?: string): Program {
  const env = temporary === undefined ? process.env : { ...process.env, TMPDIR: temporary };
  return startCommand(process.execPath, [BUNDLE, ...args], env);
}

/** Runs any program, which ends with the test run at the latest. */
export function startCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Program {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  running.add(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString('utf8')).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      if (lines.length > LINES_MAX) lines.splice(0, lines.length - LINES_MAX);
    });
    stream.on('end', () => {
      if (rest !== '') lines.push(rest);
    });
  }
  const ended = new Promise<Ending>((resolve) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return { child, lines, ended };
}

/** Runs the bundle to its end. */
export async function runProgram(
  args: readonly string[],
  temporary?: string,
): Promise<Ending & { readonly lines: readonly string[] }> {
  const { lines, ended } = startProgram(args, temporary);
  return { ...(await ended), lines };
}

/** Kills the program and waits until it is gone. */
export async function killProgram({ child, ended }: Program): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'mobius-interop-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Command lines of live processes that mention `text`. */
export function processesNaming(text: string): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.includes(text) ? [`${pid}: ${line}`] : [];
    } catch {
      return [];
    }
  });
}

/** Asks until `done` is true; rejects after `limitMs` with what was waited for. */
export async function until(
  what: string,
  limitMs: number,
  done: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${limitMs} ms`);
    await pause(50);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Takes a TCP port away; the answer gives it back. */
export function occupy(host: string, port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () =>
      resolve(() => new Promise((closed) => server.close(() => closed()))),
    );
  });
}

/** A line of a figure that was measured, for whoever reads the test's output. */
export function figure(text: string): void {
  process.stdout.write(`  figure: ${text}\n`);
}

/** Says aloud what was not proved, and why. */
export function skipLoudly(what: string, why: string): void {
  process.stderr.write(`SKIPPED: ${what}: ${why}\n`);
}
