/**
 * How much faster than real time five servers are simulated on one core, without faults: as whole
 * servers (two callers, about 20 calls a second, a fifth of them each swaps and deletions), and as
 * the algorithm alone (20 proposals a second). The best of some runs in one process: the first warm it
 * up, and others use the machine too.
 */

import { Caller } from '../../simulation/cluster/caller.ts';
import { Cluster } from '../../simulation/cluster/cluster.ts';
import { keyPlace, servicePlace } from '../../simulation/cluster/places.ts';
import { ModelCluster } from '../../support/raft/model-cluster.ts';

const RUNS = 10;
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

async function best(name: string, run: (seed: number) => Promise<Measured> | Measured) {
  let top: Measured | undefined;
  for (let seed = 1; seed <= RUNS; seed++) {
    const one = await run(seed);
    if (top === undefined || one.times > top.times) top = one;
  }
  const { times = 0, callsPerSecond = 0, stepsPerSecond = 0 } = top ?? {};
  process.stdout.write(
    `${SERVERS} ${name}: ${times.toFixed(0)} times real time, ` +
      `${callsPerSecond.toFixed(1)} calls/s, ${stepsPerSecond.toFixed(0)} steps/s\n`,
  );
}

await best('whole servers', wholeServers);
await best('servers as the algorithm alone', algorithm);
