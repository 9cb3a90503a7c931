/**
 * KV writes next to etcd's and Consul's: three servers on loopback each, on the same disk with
 * fsync, one program after the other, driven by one client over HTTP/1.1; then the time from a
 * leader's kill to the next acknowledged write. How to read it: `raft/README.md`.
 *
 *     npm run bench -- raft
 *
 * `MOBIUS_BENCH_PROGRAMS=mobius,etcd` leaves programs out; `MOBIUS_BENCH_ROUNDS=7` runs all of them
 * at once and measures short rounds in turns, no failover; `MOBIUS_BENCH_PROFILE=FOLDER` measures no
 * failover either and has our servers write CPU profiles there.
 */

import { loadavg } from 'node:os';
import { consulPeer, debianPeer, pathOr } from '../interop/peers/find.ts';
import { VALUE_BYTES } from './raft/door.ts';
import { measureFailover } from './raft/failover.ts';
import { failoverLine, loadRow, loadTable, type Row } from './raft/figures.ts';
import { runLoad } from './raft/load.ts';
import { consulKind, etcdKind, type Kind, mobiusKind, type Pool, startPool } from './raft/pools.ts';
import { measureInTurns } from './raft/rounds.ts';

const CONNECTIONS = [1, 16, 64, 256];
const WARM_UP_MS = 2_000;
const MEASURE_MS = 5_000;
const KILLS = 10;

const wanted = process.env['MOBIUS_BENCH_PROGRAMS']?.split(',');
const rounds = Number(process.env['MOBIUS_BENCH_ROUNDS'] ?? 0);
const profileFolder = process.env['MOBIUS_BENCH_PROFILE'];

async function measureLoad(pool: Pool, connections: number): Promise<Row> {
  const { name, door, port } = pool.kind;
  const host = await pool.leader();
  const keyPrefix = `bench/${connections}`;
  const times = { warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS };
  const row = await loadRow(pool, connections, () =>
    runLoad({ door, host, port, connections, keyPrefix, ...times }),
  );
  process.stdout.write(`${name}, ${connections}: ${row.perSecond.toFixed(0)} writes/s\n`);
  return row;
}

async function measure(kind: Kind): Promise<void> {
  const pool = await startPool(kind);
  for (const connections of CONNECTIONS) rows.push(await measureLoad(pool, connections));
  if (kind.door === 'kv' && profileFolder === undefined) {
    const line = failoverLine(kind.name, await measureFailover(pool, KILLS));
    process.stdout.write(`${line}\n`);
    failovers.push(line);
  }
  await pool.end();
}

const kinds: Kind[] = [mobiusKind(profileFolder)];
const consulPath = pathOr("Consul's figures", consulPeer());
if (consulPath !== null) kinds.push(consulKind(consulPath));
const etcdPath = pathOr("etcd's figures", debianPeer('etcd-server', 'etcd'));
if (etcdPath !== null) kinds.push(etcdKind(etcdPath));

const rows: Row[] = [];
const failovers: string[] = [];
const [loadBefore = 0] = loadavg();
const chosen = kinds.filter(({ name }) => wanted?.includes(name) !== false);
if (rounds > 0) {
  const pools: Pool[] = [];
  for (const kind of chosen) pools.push(await startPool(kind));
  rows.push(...(await measureInTurns(pools, CONNECTIONS, rounds)));
  for (const pool of pools) await pool.end();
} else {
  for (const kind of chosen) await measure(kind);
}
const measured = rounds > 0 ? `${rounds} rounds in turns` : `${MEASURE_MS / 1_000} s`;
process.stdout.write(`
Writes of ${VALUE_BYTES} bytes to new keys, ${measured}; load of the machine before: ${loadBefore.toFixed(1)}

${loadTable(rows)}
`);
if (failovers.length > 0) {
  const lines = failovers.join('\n');
  process.stdout.write(`\nFrom the leader's kill -9 to the next acknowledged write:\n${lines}\n`);
}
process.exit();
