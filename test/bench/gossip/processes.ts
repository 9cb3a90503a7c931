/** Measures pools of real processes, one of each program side by side over the same windows. */

import { existsSync } from 'node:fs';
import { pause, until } from '../../interop/program.ts';
import type { Figures } from './figures.ts';
import { EventLoad } from './load.ts';
import { GOSSIP_PORT, type Member, type Program } from './pools.ts';
import { cpuNs, PacketCount, residentMib } from './usage.ts';

const POLL_MS = 100;
const LIMIT_MS = 120_000;
/**
 * Under load, so that what is compiled while it runs has been: agents run for months. Before that a
 * fifth to a third of a member's CPU is the compiler's.
 */
export const WARM_UP_MS = 120_000;
/** Broadcasts have been sent by then. */
const SETTLE_MS = 10_000;
/** Two push/pulls of each member of a small pool. */
export const IDLE_MS = 60_000;
export const LOAD_MS = 30_000;

interface Pool {
  readonly program: Program;
  readonly network: string;
  readonly members: readonly Member[];
  readonly joinMs: number;
}

/** One row for each program. */
export async function measureProcesses(
  programs: readonly Program[],
  networks: readonly string[],
  count: number,
): Promise<readonly Figures[]> {
  const pools: Pool[] = [];
  try {
    for (const [index, program] of programs.entries()) {
      pools.push(await startPool(program, networks[index] ?? '', count));
    }
    const addresses = pools.map(({ members }) => members.map(({ address }) => address));
    const events = new EventLoad(addresses, GOSSIP_PORT);
    await events.fire(WARM_UP_MS);
    const load = await measureWindow(pools, () => events.fire(LOAD_MS));
    await pause(SETTLE_MS);
    const idle = await measureWindow(pools, () => pause(IDLE_MS));
    const rows: Figures[] = [];
    for (const [index, pool] of pools.entries()) {
      rows.push({
        program: pool.program.name,
        nodes: count,
        how: 'processes',
        joinMs: pool.joinMs,
        residentMib: average(pool.members.map(({ pid }) => residentMib(pid))),
        idle: idle[index] ?? null,
        load: load[index] ?? null,
        failureMs: await killOne(pool.members),
      });
    }
    return rows;
  } finally {
    await endAll(pools.flatMap(({ members }) => members));
  }
}

/** Resolves when the next pool may have their addresses. */
async function endAll(members: readonly Member[]): Promise<void> {
  for (const member of members) member.kill();
  await until('the end of all members', LIMIT_MS, () =>
    members.every(({ pid }) => !existsSync(`/proc/${pid}`)),
  );
}

async function startPool(program: Program, network: string, count: number): Promise<Pool> {
  const members: Member[] = [];
  for (let index = 1; index <= count; index++) {
    const address = `${network}.${index >> 8}.${index & 255}`;
    members.push(await program.start(`node${index}`, address));
  }
  const first = members[0]?.address ?? '';
  const since = performance.now();
  await Promise.all(members.slice(1).map((member) => member.join(first)));
  await allSee(members, (statuses) => alive(statuses) === count);
  return { program, network, members, joinMs: performance.now() - since };
}

function alive(statuses: ReadonlyMap<string, string>): number {
  return [...statuses.values()].filter((status) => status === 'alive').length;
}

/** Resolves when `done` has been true once for each member. */
async function allSee(
  members: readonly Member[],
  done: (statuses: ReadonlyMap<string, string>) => boolean,
): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  let waiting = members;
  while (waiting.length > 0) {
    if (performance.now() > end) throw new Error(`the pool did not agree in ${LIMIT_MS} ms`);
    const seen = await Promise.all(waiting.map(async (member) => done(await member.statuses())));
    waiting = waiting.filter((_, index) => seen[index] !== true);
    if (waiting.length > 0) await pause(POLL_MS);
  }
}

/** Milliseconds from the kill of the last member until all others call it failed. */
async function killOne(members: readonly Member[]): Promise<number> {
  const last = members.at(-1);
  if (last === undefined) return 0;
  const since = performance.now();
  last.kill();
  await allSee(members.slice(0, -1), (statuses) => statuses.get(last.name) === 'failed');
  return performance.now() - since;
}

/** What each pool uses while `pass` runs, a node and a second. */
async function measureWindow(
  pools: readonly Pool[],
  pass: () => Promise<void>,
): Promise<readonly Figures['idle'][]> {
  const counts = await Promise.all(pools.map(({ network }) => PacketCount.begin(network)));
  const since = performance.now();
  const before = pools.map(cpuOfPool);
  await pass();
  const after = pools.map(cpuOfPool);
  const seconds = (performance.now() - since) / 1_000;
  return Promise.all(
    pools.map(async ({ members }, index) => {
      const nodeSeconds = members.length * seconds;
      const bytes = (await counts[index]?.end(GOSSIP_PORT)) ?? null;
      const ns = (after[index] ?? 0) - (before[index] ?? 0);
      return {
        bytesPerSecond: bytes === null ? null : bytes / nodeSeconds,
        cpuMsPerSecond: ns / 1e6 / nodeSeconds,
      };
    }),
  );
}

function cpuOfPool({ members }: Pool): number {
  return members.reduce((sum, { pid }) => sum + cpuNs(pid), 0);
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
