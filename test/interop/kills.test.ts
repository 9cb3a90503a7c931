// Every process may be killed at any moment: what was acknowledged stays, and the federation heals.
// The order is made from a seed: MOBIUS_INTEROP_SEED; their number is MOBIUS_INTEROP_KILLS.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DemoServer } from '../../src/demo/plan.ts';
import { KeyWriter } from './key-writer.ts';
import { figure, pause, until } from './program.ts';
import { Standing } from './standing.ts';

const KILLS = Number(process.env['MOBIUS_INTEROP_KILLS'] ?? 20);
const SEED = Number(process.env['MOBIUS_INTEROP_SEED'] ?? 1);
const LEADER_KILLS = 3;
/** A kill, its pauses and what the end needs, with a wide margin. */
const LIMIT_MS = 120_000 + KILLS * 12_000;

let standing: Standing;

beforeAll(async () => {
  standing = await Standing.start({ servers: [3, 1] });
}, 120_000);

afterAll(async () => {
  await standing?.stop();
});

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A writer of keys through one server, and the datacenter that it writes to. */
interface Writer {
  readonly dc: string;
  readonly keys: KeyWriter;
}

function writerOf(server: DemoServer, dc: string): Writer {
  const write = async (key: string, value: string): Promise<boolean> => {
    const { status, text } = await standing.ask(server, `/v1/kv/${key}?dc=${dc}`, value);
    return status === 200 && text.trim() === 'true';
  };
  return { dc, keys: new KeyWriter({ prefix: `by-${server.id}/for-${dc}`, write }) };
}

async function leaderOf(dc: number): Promise<DemoServer | undefined> {
  for (const server of standing.plan.servers.filter((each) => each.dc === `dc${dc}`)) {
    const { status, text } = await standing.ask(server, '/v1/status/leader');
    const address = status === 200 ? String(JSON.parse(text)).split(':')[0] : '';
    const found = standing.plan.servers.find((each) => each.address === address);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Servers that may vote. Autopilot takes a server that was dead for long enough off the group and
 * gives it its vote back once it has been healthy for ten seconds, as Consul's does.
 */
async function voters(at: DemoServer): Promise<number> {
  const { status, text } = await standing.ask(at, '/v1/operator/raft/configuration');
  if (status !== 200) return 0;
  const { Servers: servers } = JSON.parse(text) as { Servers: readonly { Voter: boolean }[] };
  return servers.filter(({ Voter: voter }) => voter).length;
}

/** Keys of which the datacenter does not have what was acknowledged. */
async function lost(writer: Writer, at: DemoServer): Promise<readonly string[]> {
  const path = `/v1/kv/by-?recurse&consistent&dc=${writer.dc}`;
  const { status, text } = await standing.ask(at, path);
  expect(status, text.slice(0, 200)).toBe(200);
  return writer.keys.lost(JSON.parse(text));
}

async function expectAllKept(writers: readonly Writer[]): Promise<void> {
  for (const writer of writers) {
    const number = Number(writer.dc.slice(2));
    expect(await lost(writer, standing.server(number)), `acknowledged in ${writer.dc}`).toEqual([]);
  }
}

test(`${KILLS} kills in the order of seed ${SEED}`, { timeout: LIMIT_MS }, async () => {
  const random = randomFrom(SEED);
  const writers = [
    writerOf(standing.server(1, 1), 'dc1'),
    writerOf(standing.server(1, 2), 'dc1'),
    writerOf(standing.server(1, 3), 'dc1'),
    writerOf(standing.server(2), 'dc2'),
    writerOf(standing.server(2), 'dc1'),
    writerOf(standing.server(1, 2), 'dc2'),
  ];
  for (const { keys } of writers) keys.begin();
  const killed: string[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await pause(random() * 3_000);
    const wantsLeader = random() < 0.25;
    const leader = wantsLeader ? await leaderOf(1) : undefined;
    const ids = standing.ids;
    const id = leader?.id ?? ids[Math.floor(random() * ids.length)] ?? '';
    killed.push(leader === undefined ? id : `${id} (leader)`);
    await standing.kill(id);
    await pause(1_000 + random() * 2_000);
    standing.up(id);
  }
  const beganHealing = performance.now();
  await standing.healthy(60_000);
  const healthyAfterMs = Math.round(performance.now() - beganHealing);
  await Promise.all(writers.map(({ keys }) => keys.end()));
  figure(`seed ${SEED}, killed: ${killed.join(', ')}`);
  figure(`healthy ${healthyAfterMs} ms after the last start`);
  for (const { keys, dc } of writers) {
    const { acknowledged, refused, longestGapMs, prefix } = keys;
    figure(
      `${prefix.split('/')[0]} for ${dc}: ${acknowledged.size} acknowledged, ${refused} refused, ` +
        `longest pause ${Math.round(longestGapMs)} ms`,
    );
    expect(acknowledged.size).toBeGreaterThan(KILLS);
  }
  await expectAllKept(writers);
  expect(standing.fallen()).toEqual([]);
});

test('the leader is killed: writes go on after an election', { timeout: 120_000 }, async () => {
  const times: number[] = [];
  for (let round = 0; round < LEADER_KILLS; round += 1) {
    await standing.healthy(60_000);
    await until('every server has a vote', 30_000, async () => {
      return (await voters(standing.server(1))) === 3;
    });
    const leader = await leaderOf(1);
    if (leader === undefined) throw new Error('dc1 has no leader');
    const others = standing.plan.servers.filter(
      ({ dc, id }) => dc === leader.dc && id !== leader.id,
    );
    await standing.kill(leader.id);
    const began = performance.now();
    await until('a write is acknowledged', 20_000, async () => {
      const answers = await Promise.all(
        others.map((server) => standing.ask(server, `/v1/kv/after-kill-${round}`, 'written')),
      );
      return answers.some(({ status, text }) => status === 200 && text.trim() === 'true');
    }).catch((error: Error) => {
      const words = others.flatMap(({ id }) => [`${id}:`, ...standing.lines(id).slice(-15)]);
      throw new Error([error.message, ...words].join('\n'), { cause: error });
    });
    times.push(Math.round(performance.now() - began));
    standing.up(leader.id);
  }
  figure(`leader kill -9 to first acknowledged write: ${times.join(', ')} ms (reference: 3.1 s)`);
  expect(Math.max(...times)).toBeLessThan(8_000);
  await standing.healthy(60_000);
});
