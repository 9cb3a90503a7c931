/**
 * KV writes next to etcd's and Consul's: three servers on loopback each, on the same disk with
 * fsync, one program after the other, driven by one client over HTTP/1.1; then the time from a
 * leader's kill to the next acknowledged write. How to read it: `raft/README.md`.
 *
 *     npm run bench -- raft
 *
 * `MOBIUS_BENCH_PROGRAMS=mobius,etcd` leaves programs out; `MOBIUS_BENCH_PROFILE=FOLDER` measures
 * no failover and has our servers write CPU profiles there.
 */

import { loadavg } from 'node:os';
import { consulPeer, debianPeer, pathOr } from '../interop/peers/find.ts';
import { cpuNs } from './gossip/usage.ts';
import { VALUE_BYTES } from './raft/door.ts';
import { measureFailover } from './raft/failover.ts';
import { failoverLine, loadTable, type Row } from './raft/figures.ts';
import { runLoad } from './raft/load.ts';
import { consulKind, etcdKind, type Kind, mobiusKind, type Pool, startPool } from './raft/pools.ts';

const CONNECTIONS = [1, 16, 64, 256];
const WARM_UP_MS = 2_000;
const MEASURE_MS = 5_000;
const KILLS = 10;

const wanted = process.env['MOBIUS_BENCH_PROGRAMS']?.split(',');
const profileFolder = process.env['MOBIUS_BENCH_PROFILE'];

async function measureLoad(pool: Pool, connections: number): Promise<Row> {
  const { name, door, port } = pool.kind;
  const host = await pool.leader();
  const usedNs = (): number => pool.pids().reduce((sum, pid) => sum + cpuNs(pid), 0);
  const keyPrefix = `bench/${connections}`;
  const before = usedNs();
  const startMs = performance.now();
  const times = { warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS };
  const result = await runLoad({ door, host, port, connections, keyPrefix, ...times });
  const serverCores = (usedNs() - before) / 1e6 / (performance.now() - startMs);
  const row = { program: name, connections, serverCores, ...result };
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
for (const kind of kinds) if (wanted?.includes(kind.name) !== false) await measure(kind);
process.stdout.write(`
Writes of ${VALUE_BYTES} bytes to new keys for ${MEASURE_MS / 1_000} s; load of the machine before: ${loadBefore.toFixed(1)}

${loadTable(rows)}

From the leader's kill -9 to the next acknowledged write:
${failovers.join('\n')}
`);
process.exit();
