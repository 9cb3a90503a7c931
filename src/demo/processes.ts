/**
 * The demo's child processes: started with their output kept, stopped with SIGTERM and, when that is
 * not heard, SIGKILL. The only place that starts processes.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../world/world.ts';

/** Last lines of a child's output, shown when it crashes. */
const KEPT_LINES_MAX = 20;
const STOP_TIMEOUT_MS = 8_000;
/** What the line of a refusal begins with. */
const REFUSAL_MARK = '==> ';

export interface ChildSpec {
  readonly id: string;
  readonly args: readonly string[];
  /** Receives every line the child writes. */
  line(text: string): void;
  /** The child ended without having been asked to. `text` has its last words. */
  exited(text: string): void;
}

/** Children of one demo. */
export class Children {
  readonly #script: string;
  readonly #clock: Clock;
  readonly #running = new Map<string, ChildProcess>();
  #stopping = false;

  /** `script`: the bundle that children run with this very Node. */
  constructor(script: string, clock: Clock) {
    this.#script = script;
    this.#clock = clock;
  }

  start(spec: ChildSpec): void {
    const child = spawn(process.execPath, [this.#script, ...spec.args], {
      // By the channel, children notice that the demo is gone, however it went.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Children must not receive the terminal's Ctrl-C: the demo stops them in its own order.
      detached: true,
    });
    this.#running.set(spec.id, child);
    const kept: string[] = [];
    let lastError = '';
    const hear = (text: string): void => {
      kept.push(text);
      if (kept.length > KEPT_LINES_MAX) kept.shift();
      spec.line(text);
    };
    const hearError = (text: string): void => {
      lastError = text;
      hear(text);
    };
    readLines(child.stdout, hear);
    readLines(child.stderr, hearError);
    child.on('error', (error) => hearError(error.message));
    child.on('close', (code, signal) => {
      this.#running.delete(spec.id);
      if (!this.#stopping) spec.exited(lastWords(code, signal, { kept, lastError }));
    });
  }

  /** Process ids by child id. */
  pids(): ReadonlyMap<string, number> {
    return new Map(
      [...this.#running].flatMap(([id, child]) =>
        child.pid === undefined ? [] : [[id, child.pid] as const],
      ),
    );
  }

  /** Stops all children and resolves when none is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running.values()].map((child) => this.#end(child)));
  }

  /** Kills what is left, at once: for the exit of the parent itself. */
  kill(): void {
    for (const child of this.#running.values()) child.kill('SIGKILL');
  }

  #end(child: ChildProcess): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.once('close', () => {
        this.#clock.clearTimeout(timer);
        resolve();
      });
      if (child.exitCode !== null || child.signalCode !== null) {
        this.#clock.clearTimeout(timer);
        resolve();
      } else child.kill('SIGTERM');
    });
  }
}

function readLines(stream: NodeJS.ReadableStream | null, hear: (text: string) => void): void {
  let rest = '';
  stream?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) hear(line);
  });
  stream?.on('end', () => {
    if (rest !== '') hear(rest);
  });
}

/** The refusal that the child printed, where it ended with one; else all that is left of it. */
function lastWords(
  code: number | null,
  signal: string | null,
  said: { readonly kept: readonly string[]; readonly lastError: string },
): string {
  if (signal !== null) return `killed by ${signal}`;
  if (said.lastError.startsWith(REFUSAL_MARK)) return said.lastError.slice(REFUSAL_MARK.length);
  return [`exit code ${code}`, ...said.kept.map((line) => `    ${line}`)].join('\n');
}
