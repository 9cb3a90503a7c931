/**
 * How much faster than real time five servers are simulated on one core, without faults: as whole
 * servers (two callers, about 20 calls a second, a fifth of them each swaps and deletions), and as
 * the algorithm alone (20 proposals a second). Many runs in one process, as when many seeds are
 * played: the first ones warm it up, and of the others the middle and the best are told, as others
 * use the machine too.
 */

import { Caller } from '../../simulation/cluster/caller.ts';
import { Cluster } from '../../simulation/cluster/cluster.ts';
import { keyPlace, servicePlace } from '../../simulation/cluster/places.ts';
import { ModelCluster } from '../../support/raft/model-cluster.ts';

const WARM_UP_RUNS = 15;
const RUNS = 20;
const SERVERS = 5;
const SIMULATED_MS = 60_000;
/** Two callers that rest half of this between calls, and wait for some milliseconds. */
const PAUSE_MS_MAX = 140;
const PROPOSAL_EVERY_MS = 50;

interface Measured {
  /** Simulated time by processor time. */
  readonly times: number;
  readonly callsPerSecond: number;
  readonly stepsPerSecond: number;
}

function measured(beganUsage: NodeJS.CpuUsage, calls: number, steps: number): Measured {
  const { user, system } = process.cpuUsage(beganUsage);
  const seconds = SIMULATED_MS / 1000;
  return {
    times: SIMULATED_MS / ((user + system) / 1000),
    callsPerSecond: calls / seconds,
    stepsPerSecond: steps / seconds,
  };
}

async function wholeServers(seed: number): Promise<Measured> {
  const cluster = new Cluster({ seed, servers: SERVERS });
  await cluster.found();
  const places = [keyPlace('a'), keyPlace('b'), servicePlace('web')];
  const callers = ['one', 'two'].map((name) => {
    const random = cluster.simulation.random.fork(name);
    return new Caller(name, cluster, places, random, cluster.clock, PAUSE_MS_MAX);
  });
  for (const caller of callers) caller.start();
  const stepsBefore = cluster.invariants.steps;
  const began = process.cpuUsage();
  await cluster.until(() => false, SIMULATED_MS);
  const calls = callers.reduce((sum, { answered }) => sum + answered, 0);
  const result = measured(began, calls, cluster.invariants.steps - stepsBefore);
  cluster.end();
  return result;
}

function algorithm(seed: number): Measured {
  const cluster = new ModelCluster({ seed, servers: SERVERS });
  for (const server of cluster.servers) cluster.start(server);
  for (const server of cluster.servers) cluster.bootstrap(server, cluster.servers);
  cluster.run(10_000, () => cluster.leader() !== undefined);
  let proposals = 0;
  const propose = (): void => {
    const leader = cluster.leader();
    if (leader !== undefined) cluster.propose(leader, `p${proposals++}`);
    cluster.at(PROPOSAL_EVERY_MS, propose);
  };
  propose();
  const stepsBefore = cluster.steps;
  const began = process.cpuUsage();
  cluster.run(SIMULATED_MS);
  return measured(began, cluster.acknowledged.length, cluster.steps - stepsBefore);
}

async function show(name: string, run: (seed: number) => Promise<Measured> | Measured) {
  const measures: Measured[] = [];
  for (let seed = 1; seed <= WARM_UP_RUNS + RUNS; seed++) {
    const one = await run(seed);
    if (seed > WARM_UP_RUNS) measures.push(one);
  }
  measures.sort((a, b) => a.times - b.times);
  const middle = measures[Math.floor(RUNS / 2)] as Measured;
  const best = measures[RUNS - 1] as Measured;
  process.stdout.write(
    `${SERVERS} ${name}: ${middle.times.toFixed(0)} times real time (best ${best.times.toFixed(0)}), ${middle.callsPerSecond.toFixed(1)} calls/s, ${middle.stepsPerSecond.toFixed(0)} steps/s\n`,
  );
}

await show('whole servers', wholeServers);
await show('servers as the algorithm alone', algorithm);
