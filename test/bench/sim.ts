/**
 * How much faster than real time whole servers are simulated: five of them, two callers of about
 * ten calls a second each (reads, writes and swaps of keys and of the catalog), no faults. One core; the best of some
 * runs, since others use the machine as well.
 */

import { Caller } from '../simulation/cluster/caller.ts';
import { Cluster } from '../simulation/cluster/cluster.ts';
import { keyPlace, servicePlace } from '../simulation/cluster/places.ts';

const RUNS = 5;
const SIMULATED_MS = 60_000;
/** Two callers that rest half of this between calls make 20 calls a second. */
const PAUSE_MS_MAX = 195;

async function run(servers: number, seed: number): Promise<string> {
  const cluster = new Cluster({ seed, servers });
  await cluster.found();
  const { simulation } = cluster;
  const { clock } = simulation.host({ name: 'callers', addresses: [] }).world;
  const places = [keyPlace('a'), keyPlace('b'), servicePlace('web')];
  const callers = ['one', 'two'].map((name) => {
    const random = simulation.random.fork(name);
    return new Caller(name, cluster, places, random, clock, PAUSE_MS_MAX);
  });
  for (const caller of callers) caller.start();
  const began = process.cpuUsage();
  await cluster.until(() => false, SIMULATED_MS);
  const { user, system } = process.cpuUsage(began);
  cluster.end();
  const calls = callers.reduce((sum, { answered }) => sum + answered, 0);
  const times = SIMULATED_MS / ((user + system) / 1000);
  return `${times.toFixed(0)} times real time at ${(calls / (SIMULATED_MS / 1000)).toFixed(1)} calls/s, ${cluster.invariants.steps} steps\n`;
}

for (const servers of [5]) {
  for (let at = 0; at < RUNS; at++)
    process.stdout.write(`${servers} servers: ${await run(servers, 1 + at)}`);
}
