// Three real servers are killed, stopped, cut apart and run out of disk while clients write and read
// through all of them. Then the servers agree, everything acknowledged is there, and every key has
// an explanation for all that was told of it: no read of either kind was stale.
// The order is made from a seed: MOBIUS_INTEROP_SEED; their number is MOBIUS_INTEROP_KILLS;
// `npm run crashes -- --kills 200 --seed 7` sets both.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSeededRandom } from '../../src/world/simulated/random.ts';
import { Caller, Record } from './crashes/caller.ts';
import { HttpCalls } from './crashes/calls.ts';
import { CrashCluster, type Node } from './crashes/cluster.ts';
import { faultsOf } from './crashes/faults.ts';
import { Probe } from './crashes/probe.ts';
import { whyNoFullDisks } from './crashes/room.ts';
import { agree, unexplained } from './crashes/verdict.ts';
import { KeyWriter } from './key-writer.ts';
import { figure, pause, skipLoudly, until } from './program.ts';
import { textOf } from './raft-server.ts';

const KILLS = Number(process.env['MOBIUS_INTEROP_KILLS'] ?? 22);
const SEED = Number(process.env['MOBIUS_INTEROP_SEED'] ?? 1);
/** A kill, the faults that come with it, and what the end needs, with a wide margin. */
const LIMIT_MS = 120_000 + KILLS * 15_000;
const CALLERS = 12;
const KEYS = 6;
/** Keys are followed by others after so many faults: each history lives through some of them. */
const FAULTS_OF_KEYS = 8;
const WRITER_PAUSE_MS = 30;
const READ_LIMIT_MS = 4_000;
const REST_MS = [100, 900] as const;
const ELECTION_LIMIT_MS = 20_000;
const STOPS = 2;
const STOPPED_READS = 20;

const roomRefusal = whyNoFullDisks();
if (roomRefusal !== undefined) skipLoudly('full disks', roomRefusal);

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

/** Every one of them writes keys that nobody else writes, through one server. */
function writerThrough(node: Node): KeyWriter {
  const write = async (key: string, value: string): Promise<boolean> => {
    await pause(WRITER_PAUSE_MS);
    return probe.put(node, key, value);
  };
  return new KeyWriter({ prefix: `kept/${node.server.name.node}`, write });
}

async function lost(writers: readonly KeyWriter[], node: Node): Promise<readonly string[]> {
  const path = '/v1/kv/kept?recurse&consistent';
  const answer = await calls.call(node.end.bound, { method: 'GET', path, limitMs: 60_000 });
  if (answer.kind !== 'answered') throw new Error(`${path}: ${answer.text}`);
  return writers.flatMap((writer) => writer.lost(JSON.parse(answer.text)));
}

test(`${KILLS} kills in the order of seed ${SEED}`, { timeout: LIMIT_MS }, async () => {
  const random = createSeededRandom(`crashes ${SEED}`);
  const disks = roomRefusal === undefined ? 'may run full' : 'stay roomy';
  const faults = faultsOf(random, KILLS, disks);
  const record = new Record();
  let played = 0;
  const keys = (): readonly string[] =>
    Array.from({ length: KEYS }, (_, key) => `key/${Math.floor(played / FAULTS_OF_KEYS)}/${key}`);
  const callers = Array.from({ length: CALLERS }, (_, number) => {
    const name = `c${number}`;
    const { hosts } = cluster;
    return new Caller({ name, calls, record, random: random.fork(name), hosts, keys });
  });
  const writers = cluster.nodes.map(writerThrough);
  for (const one of [...callers, ...writers]) one.begin();

  const order = random.fork('faults');
  const stage = { cluster, random: order, probe };
  for (const fault of faults) {
    await pause(order.between(...REST_MS));
    const tookMs = await fault
      .play(stage)
      .then(() => probe.writesGoOn(cluster.nodes))
      .catch((error: Error) => {
        throw new Error([`${fault.title}: ${error.message}`, ...cluster.fallen()].join('\n'));
      });
    figure(`${fault.title}: a write was acknowledged ${Math.round(tookMs)} ms later`);
    expect(cluster.fallen()).toEqual([]);
    played += 1;
  }
  await Promise.all([...callers, ...writers].map((one) => one.end()));

  await agree(cluster, calls);
  const [reader] = callers as [Caller];
  for (const key of record.histories.keys()) {
    for (const host of cluster.hosts) {
      for (const mode of ['consistent', 'default'] as const) {
        expect(await reader.readLast(host, key, mode)).toBe('answered');
      }
    }
  }
  const kept = writers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  const missing = await lost(writers, cluster.nodes[0] as Node);
  const wrong = unexplained(record.histories, `${SEED}`);
  figure(`seed ${SEED}: ${KILLS} kills in ${faults.length} faults`);
  figure(`${kept} keys written once and acknowledged, ${missing.length} of them lost`);
  for (const [title, { acknowledged, refused, unknown }] of record.counts) {
    figure(`${title}: ${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown`);
  }
  figure(`${record.histories.size} histories, ${wrong.length} of them without an explanation`);
  expect(missing).toEqual([]);
  expect(wrong).toEqual([]);
  expect(kept).toBeGreaterThan(KILLS);
  expect(cluster.fallen()).toEqual([]);
});

/** What a read of either kind tells; `null` when it is not answered. */
async function told(node: Node, mode: '?consistent' | ''): Promise<string | null> {
  const path = `/v1/kv/stopped${mode}`;
  const answer = await calls.call(node.end.bound, { method: 'GET', path, limitMs: READ_LIMIT_MS });
  if (answer.kind !== 'answered') return null;
  const [pair] = JSON.parse(answer.text) as [{ Value: string }];
  return textOf(pair.Value);
}

/** Reads of both kinds. */
function readAtOnce(node: Node, count: number): Promise<readonly (string | null)[]> {
  const modes = Array.from({ length: count }, (_, at) => (at % 2 === 0 ? '?consistent' : ''));
  return Promise.all(modes.map((mode) => told(node, mode)));
}

test('a leader that was stopped answers nothing old when it goes on', async () => {
  let answered = 0;
  for (let round = 0; round < STOPS; round += 1) {
    const leader = await cluster.leader();
    const others = cluster.others(leader);
    await until('a write', ELECTION_LIMIT_MS, () =>
      probe.put(leader, 'stopped', `before ${round}`),
    );
    // Connections that are open already are heard first when it goes on, and half of them have
    // reads under way when it stops: answers that come meanwhile wait for it in its sockets.
    await readAtOnce(leader, 2 * STOPPED_READS);
    const before = readAtOnce(leader, STOPPED_READS);
    leader.server.signal('SIGSTOP');
    await until('another leader', ELECTION_LIMIT_MS, async () => {
      const done = await Promise.all(
        others.map((node) => probe.put(node, 'stopped', `after ${round}`)),
      );
      return done.includes(true);
    });
    const reads = readAtOnce(leader, STOPPED_READS);
    await pause(WRITER_PAUSE_MS);
    leader.server.signal('SIGCONT');
    await before;
    const values = (await reads).filter((value) => value !== null);
    expect(values.filter((value) => value !== `after ${round}`)).toEqual([]);
    answered += values.length;
  }
  figure(`${answered} of ${STOPS * STOPPED_READS} reads of a stopped leader answered, none old`);
  expect(answered).toBeGreaterThan(0);
}, 120_000);
