/**
 * Short rounds of all programs in turns, on warm servers: on a machine that has other work each of
 * them meets the same load, which one program after the other does not.
 */

import { loadRow, type Row } from './figures.ts';
import { runLoad } from './load.ts';
import type { Pool } from './pools.ts';

const WARM_UP_ROUNDS = 4;
const WARM_UP_MS = 200;
const MEASURE_MS = 1_200;
/** Those that warm the servers up: enough for compilers to see all of the code. */
const WARM_UP_CONNECTIONS = 16;

let prefixes = 0;

/** A row a program and number of connections, each figure the median of its rounds. */
export async function measureInTurns(
  pools: readonly Pool[],
  numbersOfConnections: readonly number[],
  rounds: number,
): Promise<readonly Row[]> {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const pool of pools) await measureRound(pool, WARM_UP_CONNECTIONS);
  }
  const rows: Row[] = [];
  for (const connections of numbersOfConnections) {
    const measured = new Map<Pool, Row[]>(pools.map((pool) => [pool, []]));
    for (let round = 0; round < rounds; round++) {
      // Back and forth: nobody always comes behind the same one.
      const order = round % 2 === 0 ? pools : [...pools].reverse();
      for (const pool of order) measured.get(pool)?.push(await measureRound(pool, connections));
    }
    for (const found of measured.values()) rows.push(medians(found));
  }
  return rows;
}

async function measureRound(pool: Pool, connections: number): Promise<Row> {
  const { door, port } = pool.kind;
  const host = await pool.leader();
  const keyPrefix = `bench/round-${prefixes++}`;
  const times = { warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS };
  return loadRow(pool, connections, () =>
    runLoad({ door, host, port, connections, keyPrefix, ...times }),
  );
}

function medians(rows: readonly Row[]): Row {
  const median = (of: (row: Row) => number): number => {
    const sorted = rows.map(of).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  const [{ program, connections }] = rows as readonly [Row];
  return {
    program,
    connections,
    perSecond: median((row) => row.perSecond),
    p50Ms: median((row) => row.p50Ms),
    p99Ms: median((row) => row.p99Ms),
    serverCores: median((row) => row.serverCores),
    clientCores: median((row) => row.clientCores),
  };
}
