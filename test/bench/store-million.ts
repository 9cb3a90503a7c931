/**
 * A million keys on real servers and this disk: what they weigh, how long a snapshot, its way to a
 * new follower and a restart take, and how long the event loop stands still meanwhile. Leader and
 * follower share the process, so that a pause of one is a pause of both.
 *
 * MOBIUS_BENCH_PAIRS changes the number; store/README.md says what came out.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import { encodeCommand } from '../../src/fsm/raft-apply.ts';
import { DirEntry, KVSRequest } from '../../src/model/kv.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { type StateServer, startStateServer } from '../support/raft/state-server.ts';

const PAIRS = Number(process.env['MOBIUS_BENCH_PAIRS'] ?? 1_000_000);
/** A leader whose log is due for a snapshot takes this many uncommitted entries and no more. */
const CALLERS = 1_024;
const VALUE = Buffer.alloc(100, 0x76);
/** Commands behind the snapshot that a restart has to read again. */
const TAIL = 10_000;
const LOOK_EVERY_MS = 20;
/** Time for what a forced collection leaves to be swept, or those who allocate next sweep it. */
const SWEEP_MS = 2_000;

const world = createNodeWorld();

/**
 * Longest time between two turns of the event loop: as the clock has it, and as this thread worked,
 * which a busy machine does not stretch. Beside it the longest collection of garbage.
 */
class Probe {
  loopMs = 0;
  workMs = 0;
  gcMs = 0;
  #lastMs = performance.now();
  #lastWorkMs = workedMs();
  readonly #timer = setInterval(() => this.#turn(), 1);
  readonly #observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.gcMs = Math.max(this.gcMs, duration);
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.#turn();
    clearInterval(this.#timer);
    this.#observer.disconnect();
  }

  #turn(): void {
    const nowMs = performance.now();
    const nowWorkMs = workedMs();
    this.loopMs = Math.max(this.loopMs, nowMs - this.#lastMs);
    this.workMs = Math.max(this.workMs, nowWorkMs - this.#lastWorkMs);
    this.#lastMs = nowMs;
    this.#lastWorkMs = nowWorkMs;
  }
}

/** Milliseconds that this thread has spent on a core (Linux tells nanoseconds first). */
function workedMs(): number {
  const [nanoseconds] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}

async function measured<T>(what: string, run: () => Promise<T>): Promise<T> {
  const probe = new Probe();
  const startMs = performance.now();
  const result = await run();
  const tookMs = performance.now() - startMs;
  // What the last turn left to the collector is told in the next.
  await pause();
  probe.stop();
  const [loop, work, gc] = [probe.loopMs, probe.workMs, probe.gcMs].map((ms) => ms.toFixed(1));
  const pauses = `longest pause ${loop} ms, of work ${work} ms, of gc ${gc} ms`;
  process.stdout.write(`${what.padEnd(34)} ${(tookMs / 1000).toFixed(2)} s, ${pauses}\n`);
  return result;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause();
}

function keyOf(number: number): string {
  return `service/${number % 1000}/instance/${number}`;
}

function setCommand(number: number): Uint8Array {
  const DirEnt = DirEntry.of({ Key: keyOf(number), Value: VALUE });
  const request = KVSRequest.of({ Datacenter: 'dc1', Op: 'set', DirEnt });
  return encodeCommand(COMMAND_TYPES.KVS, KVSRequest, request);
}

/** The callers share the thread: what many of them do in one turn is a pause of its own. */
async function write(
  server: StateServer,
  from: number,
  to: number,
  callers = CALLERS,
): Promise<void> {
  let next = from;
  const caller = async (): Promise<void> => {
    while (next < to) {
      const number = next;
      next += 1;
      await server.consensus.apply(setCommand(number));
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** Buffers that one collection finds dead are told as gone by the next. */
async function usedBytes(): Promise<number> {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  await new Promise((resolve) => setTimeout(resolve, SWEEP_MS));
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MB`;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(process.cwd(), '.bench-store-'));
  const at = (id: string, port: number) => ({ world, directory: join(directory, id), id, port });
  try {
    const leader = await startStateServer(at('s1', 18_311));
    await until(() => !leader.consensus.hasState());
    const self = { suffrage: 'voter', id: leader.id, address: leader.address } as const;
    await leader.consensus.bootstrap({ servers: [self] });
    await until(() => leader.consensus.view().role === 'leader');
    const beforeBytes = await usedBytes();
    await measured(`${PAIRS} writes, ${CALLERS} callers`, () => write(leader, 0, PAIRS));
    await measured('snapshot', () => leader.consensus.snapshot());
    const heldBytes = (await usedBytes()) - beforeBytes;
    const each = Math.round(heldBytes / PAIRS);
    process.stdout.write(`memory: ${megabytes(heldBytes)}, ${each} bytes a pair\n`);
    const { size } = await measured('snapshot while 64 callers write', async () => {
      const rewriting = write(leader, 0, 20_000, 64);
      const snapshot = await leader.consensus.snapshot();
      await rewriting;
      return snapshot;
    });
    process.stdout.write(`state.bin: ${megabytes(size)}\n`);
    const follower = await startStateServer(at('s2', 18_312));
    await measured('snapshot to a new follower', async () => {
      await leader.consensus.addNonvoter(follower.id, follower.address, { prevIndex: 0 });
      await until(() => {
        const { appliedIndex } = follower.consensus.view();
        return appliedIndex > 0 && appliedIndex === leader.consensus.view().lastIndex;
      });
    });
    await follower.stop();
    await write(leader, 0, TAIL);
    await leader.stop();
    await usedBytes();
    const again = await measured(`restart: snapshot and log of ${TAIL}`, async () => {
      const server = await startStateServer(at('s1', 18_311));
      await until(() => server.consensus.view().role === 'leader');
      const { lastIndex } = server.consensus.view();
      await until(() => server.consensus.view().appliedIndex >= lastIndex);
      return server;
    });
    await again.stop();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  process.exit(0);
}

void main();
