/**
 * What the death of a leader costs, and whether the impatience that makes it cheap costs elections
 * that nobody needs: three servers on loopback are written to by many for a while and the terms that
 * begin meanwhile are counted; then the leader is killed (SIGKILL) again and again, and a client
 * writes through one of the others until a write is acknowledged. With `CONSUL_BIN` the same is asked
 * of Consul, in the same run; both at raft_multiplier 1.
 *
 * `MOBIUS_BENCH_KILLS` (default 20) kills each; `MOBIUS_BENCH_LOAD_S` (default 30) seconds of load.
 */

import { setup as build } from '../interop/build.ts';
import { consulPeer, pathOr } from '../interop/peers/find.ts';
import { pause, temporaryFolder } from '../interop/program.ts';
import { leaderOf } from '../interop/raft-group.ts';
import { consulServer, type HttpServer, ourServer, serverName } from '../interop/raft-server.ts';
import { runLoad } from './raft/load.ts';

const KILLS = Number(process.env['MOBIUS_BENCH_KILLS'] ?? 20);
const LOAD_MS = Number(process.env['MOBIUS_BENCH_LOAD_S'] ?? 30) * 1_000;
const CONNECTIONS = 128;
const WARM_UP_MS = 2_000;
const LEADER_LIMIT_MS = 60_000;
const RETRY_MS = 5;
/** A server that was killed is missed by nobody any more after this. */
const REST_MS = 1_500;

type Starter = (folder: string, name: ReturnType<typeof serverName>, more: object) => HttpServer;

/** The median of the kills, in milliseconds. */
async function measure(title: string, group: number, starter: Starter): Promise<number> {
  const temporary = temporaryFolder();
  const names = [1, 2, 3].map((number) => serverName(group, number));
  const join = names.map(({ host }) => host);
  const more = { bootstrap_expect: 3, retry_join: join, retry_interval: '1s' };
  const servers = names.map((name) => starter(temporary.path, name, more));
  try {
    for (const server of servers) server.up();
    process.stdout.write(`${title}: ${await underLoad(servers)}\n`);
    const tookMs: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) tookMs.push(await failover(servers, `${kill}`));
    tookMs.sort((a, b) => a - b);
    tell(title, tookMs);
    return at(tookMs, 0.5);
  } finally {
    await Promise.all(servers.map((server) => server.kill()));
    temporary.remove();
  }
}

/** Writes as fast as they are answered, and says how many terms have begun. */
async function underLoad(servers: readonly HttpServer[]): Promise<string> {
  const leader = (await leaderOf(servers, LEADER_LIMIT_MS)) as HttpServer;
  const { term } = await leader.standing();
  const load = runLoad({
    door: 'kv',
    host: leader.name.host,
    port: 8500,
    connections: CONNECTIONS,
    keyPrefix: 'load',
    warmUpMs: WARM_UP_MS,
    measureMs: LOAD_MS,
  });
  const written = await load.then(
    ({ perSecond, p99Ms }) => `${perSecond.toFixed(0)} writes/s, p99 ${p99Ms.toFixed(0)} ms`,
    (error: Error) => `the load broke off: ${error.message}`,
  );
  const after = (await leaderOf(servers, LEADER_LIMIT_MS)) as HttpServer;
  const begun = (await after.standing()).term - term;
  return `${begun} terms begun in ${LOAD_MS / 1_000} s of ${CONNECTIONS} writers (${written})`;
}

async function failover(servers: readonly HttpServer[], value: string): Promise<number> {
  const leader = (await leaderOf(servers, LEADER_LIMIT_MS)) as HttpServer;
  const other = servers.find((server) => server !== leader) as HttpServer;
  await written(other, 'before', value);
  await pause(REST_MS);
  const killed = leader.kill();
  const from = performance.now();
  await written(other, 'after', value);
  const tookMs = performance.now() - from;
  await killed;
  leader.up();
  return tookMs;
}

async function written(server: HttpServer, key: string, value: string): Promise<void> {
  while (!(await server.put(key, value))) await pause(RETRY_MS);
}

/** Of sorted figures, the one that `share` of them do not reach. */
function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function tell(title: string, sorted: readonly number[]): void {
  const ms = (share: number): string => at(sorted, share).toFixed(0);
  process.stdout.write(
    `${title}: ${KILLS} kills, first write acknowledged after ` +
      `min ${ms(0)}, median ${ms(0.5)}, p90 ${ms(0.9)}, max ${ms(1)} ms\n`,
  );
}

build();
const ours = await measure('mobius', 61, ourServer);
const consul = pathOr("Consul's figures", consulPeer());
if (consul !== null) {
  const theirs = await measure('consul', 62, (folder, name, more) => {
    return consulServer(consul, folder, name, more);
  });
  process.stdout.write(`median of mobius: ${(ours / theirs).toFixed(2)} of Consul's\n`);
}
