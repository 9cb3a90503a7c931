// Three real servers, each on a small disk of its own that runs full while clients write and read:
// whoever cannot write leads no longer and acknowledges nothing, the others go on, and with room
// again it goes on by itself. A server that is killed on a full disk has lost nothing either.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSeededRandom } from '../../src/world/simulated/random.ts';
import { HttpCalls } from './crashes/calls.ts';
import { CrashCluster, type Node } from './crashes/cluster.ts';
import { Crowd } from './crashes/crowd.ts';
import { FULL_DISKS, type Stage } from './crashes/faults.ts';
import { Probe } from './crashes/probe.ts';
import { SmallDisks, whyNoSmallDisks } from './crashes/small-disks.ts';
import { agree, unexplained } from './crashes/verdict.ts';
import { figure, pause, skipLoudly } from './program.ts';

const SEED = Number(process.env['MOBIUS_INTEROP_SEED'] ?? 1);
const ROUNDS = 2;
const LIMIT_MS = 240_000;
const REST_MS = [100, 600] as const;
const FULL_MS = 1_500;

const whyNot = whyNoSmallDisks();
if (whyNot !== undefined) skipLoudly('small disks', whyNot);

/** Full when it is killed; with room again it comes back. */
async function killedWhileFull({ cluster, probe, room }: Stage): Promise<void> {
  const leader = await cluster.leader();
  room.leaveNone(leader);
  await pause(FULL_MS);
  await cluster.kill(leader);
  await probe.writesGoOn(cluster.others(leader));
  room.give(leader);
  await cluster.up(leader);
  await probe.follows(leader);
}

describe.skipIf(whyNot !== undefined)('small disks', () => {
  const calls = new HttpCalls();
  const probe = new Probe(calls);
  const disks = new SmallDisks();
  let cluster: CrashCluster;

  beforeAll(async () => {
    cluster = await CrashCluster.start(disks);
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    calls.close();
  });

  test(`run full in turns (seed ${SEED})`, { timeout: LIMIT_MS }, async () => {
    const random = createSeededRandom(`full disks ${SEED}`);
    const crowd = new Crowd({ cluster, calls, probe, random });
    const stage = { cluster, random: random.fork('faults'), probe, room: disks };
    const faults = [
      ...FULL_DISKS,
      { title: 'leader killed on a full disk', kills: 1, play: killedWhileFull },
    ];
    await probe.writesGoOn(cluster.nodes);
    crowd.begin();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { title, play } of faults) {
        await pause(stage.random.between(...REST_MS));
        await play(stage);
        const tookMs = await probe.writesGoOn(cluster.nodes);
        figure(`${title}: writes are acknowledged ${Math.round(tookMs)} ms after it is over`);
        expect(cluster.fallen()).toEqual([]);
        crowd.faultIsOver();
      }
    }
    await crowd.end();
    await agree(cluster, calls);
    await crowd.readAll();
    figure(`${crowd.acknowledged} keys written once and acknowledged`);
    expect(await crowd.lost(cluster.nodes[0] as Node)).toEqual([]);
    expect(unexplained(crowd.record.histories, `full-${SEED}`)).toEqual([]);
  });
});
