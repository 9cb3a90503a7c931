/** From the kill -9 of the leader to the first write that a survivor acknowledges. */

import { pause } from '../../interop/program.ts';
import type { Pool } from './pools.ts';

const RETRY_MS = 10;
/** Consul holds a request while there is no leader; it may not hold ours for longer. */
const REQUEST_LIMIT_MS = 15_000;
const CATCH_UP_LIMIT_MS = 30_000;
/** Before the next kill, so that the one that came back votes and follows. */
const SETTLE_MS = 500;

/** Milliseconds of each round. */
export async function measureFailover(pool: Pool, rounds: number): Promise<readonly number[]> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const leader = await pool.leader();
    const survivors = pool.addresses.filter((one) => one !== leader);
    const startMs = performance.now();
    const killed = pool.kill(leader);
    const over = new AbortController();
    const key = `failover/${round}`;
    await Promise.any(survivors.map((one) => writeUntilDone(pool, one, key, over.signal)));
    took.push(performance.now() - startMs);
    over.abort();
    await killed;
    pool.restart(leader);
    await holds(pool, leader, key);
    await pause(SETTLE_MS);
  }
  return took;
}

async function writeUntilDone(
  { kind }: Pool,
  address: string,
  key: string,
  over: AbortSignal,
): Promise<void> {
  const url = `http://${address}:${kind.port}/v1/kv/${key}`;
  while (!over.aborted) {
    const signal = AbortSignal.any([over, AbortSignal.timeout(REQUEST_LIMIT_MS)]);
    const done = await fetch(url, { method: 'PUT', body: 'x', signal }).then(
      async (answer) => (await answer.text()).startsWith('true') && answer.ok,
      () => false,
    );
    if (done) return;
    await pause(RETRY_MS);
  }
}

/** The one that came back has what was written without it. */
async function holds({ kind }: Pool, address: string, key: string): Promise<void> {
  const endMs = performance.now() + CATCH_UP_LIMIT_MS;
  const url = `http://${address}:${kind.port}/v1/kv/${key}?stale`;
  while (performance.now() < endMs) {
    const answer = await fetch(url).catch(() => null);
    await answer?.text();
    if (answer?.ok === true) return;
    await pause(RETRY_MS * 5);
  }
  throw new Error(`${kind.name} at ${address} has not caught up in ${CATCH_UP_LIMIT_MS} ms`);
}
