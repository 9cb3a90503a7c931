// Three real servers are killed, stopped, cut apart and run out of disk while clients write and read
// through all of them. Then the servers agree, everything acknowledged is there, and every key has
// an explanation for all that was told of it: no read of either kind was stale.
// The order is made from a seed: MOBIUS_INTEROP_SEED; their number is MOBIUS_INTEROP_KILLS;
// `npm run crashes -- --kills 200 --seed 7` sets both.

import { loadavg } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { textOf as textOfError } from '../../src/error-text.ts';
import { createSeededRandom } from '../../src/world/simulated/random.ts';
import { HttpCalls } from './crashes/calls.ts';
import { CrashCluster, type Node } from './crashes/cluster.ts';
import { Crowd } from './crashes/crowd.ts';
import { type Fault, faultsOf, type Stage } from './crashes/faults.ts';
import { Probe } from './crashes/probe.ts';
import { LIMITED_FILES, whyNoDisk, whyNoLimits } from './crashes/room.ts';
import { agree, unexplained } from './crashes/verdict.ts';
import { figure, pause, skipLoudly, until } from './program.ts';
import { textOf } from './raft-server.ts';

const KILLS = Number(process.env['MOBIUS_INTEROP_KILLS'] ?? 22);
const SEED = Number(process.env['MOBIUS_INTEROP_SEED'] ?? 1);
/** A kill, the faults that come with it, and what the end needs, with a wide margin. */
const LIMIT_MS = 120_000 + KILLS * 15_000;
const REST_MS = [100, 600] as const;
const READ_LIMIT_MS = 4_000;
const ANSWER_LIMIT_MS = 20_000;
const STOPS = 3;
const STOPPED_READS = 20;
/** What was sent to a stopped server lies in its sockets. */
const ARRIVAL_MS = 30;

const noFullDisks = whyNoLimits();
if (noFullDisks !== undefined) skipLoudly('full disks', noFullDisks);
const noDisk = whyNoDisk();
if (noDisk !== undefined) skipLoudly('what a disk does to writes', noDisk);

let cluster: CrashCluster;
const calls = new HttpCalls();
const probe = new Probe(calls);

beforeAll(async () => {
  cluster = await CrashCluster.start();
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  calls.close();
});

/** Plays the fault, and all must go on; how many milliseconds until a write was acknowledged. */
async function recovery(fault: Fault, stage: Stage): Promise<number> {
  try {
    await fault.play(stage);
    return await probe.writesGoOn(cluster.nodes);
  } catch (cause) {
    const said = [
      `after "${fault.title}": ${textOfError(cause)}`,
      `load of the machine: ${loadavg().map((load) => load.toFixed(1))}`,
      ...(await cluster.standings()),
      ...cluster.fallen(),
      ...cluster.lastWords(),
    ];
    throw new Error(said.join('\n'), { cause });
  }
}

test(`${KILLS} kills in the order of seed ${SEED}`, { timeout: LIMIT_MS }, async () => {
  const random = createSeededRandom(`crashes ${SEED}`);
  const faults = faultsOf(random, KILLS, noFullDisks === undefined ? 'may run full' : 'stay roomy');
  const crowd = new Crowd({ cluster, calls, probe, random });
  const stage = { cluster, random: random.fork('faults'), probe, room: LIMITED_FILES };
  const recoveries = new Map<string, number[]>();
  await probe.writesGoOn(cluster.nodes);
  crowd.begin();
  for (const fault of faults) {
    await pause(stage.random.between(...REST_MS));
    const tookMs = await recovery(fault, stage);
    expect(cluster.fallen()).toEqual([]);
    recoveries.set(fault.title, [...(recoveries.get(fault.title) ?? []), tookMs]);
    crowd.faultIsOver();
  }
  await crowd.end();
  await agree(cluster, calls);
  await crowd.readAll();
  const lost = await crowd.lost(cluster.nodes[0] as Node);
  const wrong = unexplained(crowd.record.histories, `${SEED}`);

  figure(
    `seed ${SEED}: ${KILLS} kills in ${faults.length} faults; writes acknowledged after each:`,
  );
  for (const [title, tookMs] of recoveries) {
    const times = tookMs.map((ms) => Math.round(ms)).sort((a, b) => a - b);
    figure(`${title}: ${times.length} times, ${times[0]} to ${times.at(-1)} ms later`);
  }
  for (const [title, { acknowledged, refused, unknown }] of crowd.record.counts) {
    figure(`${title}: ${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown`);
  }
  figure(`${crowd.acknowledged} keys written once and acknowledged, ${lost.length} of them lost`);
  figure(`${crowd.record.histories.size} shared keys, ${wrong.length} without an explanation`);
  expect(lost).toEqual([]);
  expect(wrong).toEqual([]);
  expect(crowd.acknowledged).toBeGreaterThan(KILLS);
});

/** What a read of either kind tells; `null` when it is not answered. */
async function told(node: Node, key: string, mode: '?consistent' | ''): Promise<string | null> {
  const path = `/v1/kv/${key}${mode}`;
  const answer = await calls.call(node.end.bound, { method: 'GET', path, limitMs: READ_LIMIT_MS });
  if (answer.kind !== 'answered') return null;
  const [pair] = JSON.parse(answer.text) as [{ Value: string }];
  return textOf(pair.Value);
}

/** As many reads, of both kinds. */
function readAtOnce(node: Node, key: string, count: number): Promise<readonly (string | null)[]> {
  const modes = Array.from({ length: count }, (_, at) => (at % 2 === 0 ? '?consistent' : ''));
  return Promise.all(modes.map((mode) => told(node, key, mode)));
}

test('a leader that was stopped answers nothing old when it goes on', async () => {
  let answered = 0;
  for (let round = 0; round < STOPS; round += 1) {
    await probe.writesGoOn(cluster.nodes);
    const leader = await cluster.leader();
    const key = `stopped/${round}`;
    expect(await probe.put(leader, key, 'before')).toBe(true);
    // Connections that are open already are heard first when it goes on, and half of them have
    // reads under way when it stops: answers that come meanwhile wait for it in its sockets.
    await readAtOnce(leader, key, 2 * STOPPED_READS);
    const before = readAtOnce(leader, key, STOPPED_READS);
    leader.server.signal('SIGSTOP');
    await probe.written(cluster.others(leader), key, 'after');
    const reads = readAtOnce(leader, key, STOPPED_READS);
    await pause(ARRIVAL_MS);
    leader.server.signal('SIGCONT');
    await before;
    const values = (await reads).filter((value) => value !== null);
    expect(values.filter((value) => value !== 'after')).toEqual([]);
    answered += values.length;
    const found = async (): Promise<boolean> =>
      (await told(leader, key, '?consistent')) === 'after';
    await until('the stopped server answers again', ANSWER_LIMIT_MS, found);
  }
  figure(`${answered} of ${STOPS * STOPPED_READS} reads of a stopped leader answered, none old`);
}, 120_000);
