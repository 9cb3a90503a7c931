/**
 * How long writes stand still when the leader dies: of three servers on loopback the leader is killed
 * (SIGKILL), and a client writes through one of the others until a write is acknowledged. With
 * `CONSUL_BIN` the same is asked of Consul. `MOBIUS_BENCH_KILLS` (default 20) kills each.
 */

import { setup as build } from '../interop/build.ts';
import { pause, temporaryFolder } from '../interop/program.ts';
import { leaderOf } from '../interop/raft-group.ts';
import { consulServer, type HttpServer, ourServer, serverName } from '../interop/raft-server.ts';

const KILLS = Number(process.env['MOBIUS_BENCH_KILLS'] ?? 20);
const RETRY_MS = 5;
/** A server that was killed is missed by nobody any more after this. */
const REST_MS = 1_500;

type Starter = (folder: string, name: ReturnType<typeof serverName>, more: object) => HttpServer;

async function measure(title: string, group: number, starter: Starter): Promise<void> {
  const temporary = temporaryFolder();
  const names = [1, 2, 3].map((number) => serverName(group, number));
  const join = names.map(({ host }) => host);
  const more = { bootstrap_expect: 3, retry_join: join, retry_interval: '1s' };
  const servers = names.map((name) => starter(temporary.path, name, more));
  try {
    for (const server of servers) server.up();
    const tookMs: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) tookMs.push(await failover(servers, `${kill}`));
    tell(title, tookMs);
  } finally {
    await Promise.all(servers.map((server) => server.kill()));
    temporary.remove();
  }
}

async function failover(servers: readonly HttpServer[], value: string): Promise<number> {
  const leader = (await leaderOf(servers, 60_000)) as HttpServer;
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

function tell(title: string, tookMs: readonly number[]): void {
  const sorted = [...tookMs].sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(0);
  process.stdout.write(
    `${title}: ${KILLS} kills, first write acknowledged after ` +
      `min ${at(0)}, median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)} ms\n`,
  );
}

build();
await measure('mobius', 61, ourServer);
const consul = process.env['CONSUL_BIN'];
if (consul !== undefined) {
  await measure('consul', 62, (folder, name, more) => consulServer(consul, folder, name, more));
}
