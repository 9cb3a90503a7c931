/**
 * Writes keys to one server over kept connections, one request at a time on each, and measures. Runs
 * as a process of its own, on bare sockets, so that it is not what is measured.
 */

import { connect, type Socket } from 'node:net';
import { type Door, isAcknowledged, putRequest, readAnswer } from './door.ts';

export interface Load {
  readonly door: Door;
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly keyPrefix: string;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface LoadResult {
  /** Acknowledged while measured. */
  readonly writes: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of this process while measured, in parts of one core. */
  readonly clientCores: number;
}

let keys = 0;

async function run(load: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  const state = { measuring: false, over: false };
  const connections = Array.from({ length: load.connections }, () =>
    writer(load, state, (ms) => latencies.push(ms)),
  );
  const all = Promise.all(connections);
  await Promise.race([all, pause(load.warmUpMs)]);
  state.measuring = true;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await Promise.race([all, pause(load.measureMs)]);
  state.measuring = false;
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  state.over = true;
  await all;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    writes: latencies.length,
    perSecond: latencies.length / (tookMs / 1_000),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    clientCores: (user + system) / 1_000 / tookMs,
  };
}

/** Resolves when the load is over and the last answer is here; rejects with any other answer. */
function writer(
  load: Load,
  state: { readonly measuring: boolean; readonly over: boolean },
  acknowledged: (ms: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: load.host, port: load.port, noDelay: true });
    let sentAtMs = 0;
    let rest = Buffer.alloc(0);
    const next = (): void => {
      sentAtMs = performance.now();
      socket.write(putRequest(load.door, load.host, `${load.keyPrefix}/${keys++}`));
    };
    socket.on('connect', next);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server has closed a connection')));
    socket.on('data', (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const answer = readAnswer(rest);
      if (answer === null) return;
      rest = Buffer.alloc(0);
      if (!isAcknowledged(load.door, answer)) {
        reject(new Error(`a write was answered ${answer.status} ${answer.body}`));
        return;
      }
      if (state.measuring) acknowledged(performance.now() - sentAtMs);
      if (!state.over) return next();
      socket.destroy();
      resolve();
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.once('message', (load: Load) => {
  run(load).then(
    (result) => process.send?.(result, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
});
