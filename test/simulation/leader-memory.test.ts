/**
 * X6 of raft.md: what only a leader keeps in memory, the timers of sessions and the delays of locks,
 * while leaders change and clocks jump. Replicas must stay equal to the byte, and a session must
 * neither end before its time nor live for ever.
 */

import { expect, it } from 'vitest';
import { RegisterRequest } from '../../src/model/catalog.ts';
import { DirEntry, KVSRequest } from '../../src/model/kv.ts';
import { Session, SessionRequest } from '../../src/model/session.ts';
import { CATALOG_REGISTER } from '../../src/rpc/methods/catalog.ts';
import { KVS_APPLY } from '../../src/rpc/methods/kvs.ts';
import { SESSION_APPLY } from '../../src/rpc/methods/session.ts';
import { kvGet, kvList } from '../../src/store/index.ts';
import { tombstonesTable } from '../../src/store/tables.ts';
import { Cluster } from './cluster/cluster.ts';
import {
  DATACENTER,
  SESSION_HASTE,
  type SimulatedServer,
  TOMBSTONE_TIMES,
} from './cluster/server.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];
const TTL_MS = 10_000;
const LOCK_DELAY_MS = 15_000;
/** A leader lets a session live for twice its TTL; a new one begins anew. (Consul) */
const LIFE_MS_MAX = 2 * TTL_MS;
const NODE = RegisterRequest.of({ Datacenter: DATACENTER, Node: 'n', Address: '10.9.0.2' });

function leaderOf(cluster: Cluster): SimulatedServer {
  if (cluster.leader === undefined) throw new Error('no leader');
  return cluster.leader;
}

async function sessionOf(cluster: Cluster): Promise<string> {
  const leader = leaderOf(cluster);
  await cluster.simulation.settle(leader.call(CATALOG_REGISTER, NODE));
  const Wanted = Session.of({
    Node: 'n',
    Behavior: 'release',
    LockDelay: LOCK_DELAY_MS * 1e6,
    TTL: `${(SESSION_HASTE * TTL_MS) / 1000}s`,
    NodeChecks: [],
  });
  const request = SessionRequest.of({ Datacenter: DATACENTER, Op: 'create', Session: Wanted });
  return cluster.simulation.settle(leader.call(SESSION_APPLY, request));
}

function lock(cluster: Cluster, Session: string): Promise<boolean> {
  const DirEnt = DirEntry.of({ Key: 'lock', Session });
  const request = KVSRequest.of({ Datacenter: DATACENTER, Op: 'lock', DirEnt });
  return cluster.simulation.settle(leaderOf(cluster).call(KVS_APPLY, request));
}

/** As the leader has it. */
function holds(cluster: Cluster, id: string): boolean {
  const view = leaderOf(cluster).store;
  return view !== undefined && kvGet(view, 'lock').result?.Session === id;
}

function write(cluster: Cluster, Op: 'set' | 'delete', Key: string): Promise<boolean> {
  const request = KVSRequest.of({ Datacenter: DATACENTER, Op, DirEnt: DirEntry.of({ Key }) });
  return cluster.simulation.settle(leaderOf(cluster).call(KVS_APPLY, request));
}

/** Keys of the tombstones that each server has. */
function graves(cluster: Cluster): readonly (readonly string[])[] {
  return cluster.servers.map(({ store }) =>
    (store?.scan(tombstonesTable, '') ?? []).map(({ key }) => key),
  );
}

/** Index of the keys under `a/`, as the leader has it. */
function indexOf(cluster: Cluster): number {
  const view = leaderOf(cluster).store;
  return view === undefined ? 0 : kvList(view, 'a/').index;
}

function skewClocks(cluster: Cluster): void {
  for (const { host } of cluster.servers) {
    host.clockSkewMs = cluster.random.between(-3_600_000, 3_600_000);
  }
}

/** Servers whose states differ in a byte are several. */
function states(cluster: Cluster): number {
  return new Set(cluster.servers.map((server) => server.state().toString('hex'))).size;
}

async function changeLeader(cluster: Cluster): Promise<void> {
  const old = leaderOf(cluster);
  old.end(cluster.random.chance(0.5) ? 'kill' : 'crash');
  const another = () => cluster.leader !== undefined && cluster.leader !== old;
  expect(await cluster.until(another, 20_000)).toBe(true);
  old.start();
  // A leader that has not applied everything yet does not know the newest sessions.
  expect(await cluster.until(() => cluster.settled, 20_000)).toBe(true);
}

it.each(SEEDS)(
  'X6 sessions and locks outlive changes of leaders and of clocks, seed %i',
  async (seed) => {
    const cluster = new Cluster({ seed, servers: 3 });
    try {
      await cluster.found();
      expect(await cluster.until(() => cluster.settled, 20_000)).toBe(true);
      const holder = await sessionOf(cluster);
      expect(await lock(cluster, holder)).toBe(true);
      for (let change = 0; change < 3; change++) {
        skewClocks(cluster);
        await cluster.until(() => false, cluster.random.between(1_000, TTL_MS - 1_000));
        await changeLeader(cluster);
        expect(holds(cluster, holder)).toBe(true);
      }
      const beganMs = cluster.simulation.nowMs;
      expect(await cluster.until(() => !holds(cluster, holder), 2 * LIFE_MS_MAX)).toBe(true);
      expect(cluster.simulation.nowMs - beganMs).toBeLessThan(LIFE_MS_MAX + 1_000);
      // Every server that saw it end keeps others from the lock for a while, whoever leads then.
      const next = await sessionOf(cluster);
      expect(await lock(cluster, next)).toBe(false);
      await changeLeader(cluster);
      expect(await lock(cluster, next)).toBe(false);
      await cluster.until(() => false, LOCK_DELAY_MS);
      expect(await lock(cluster, await sessionOf(cluster))).toBe(true);
      await cluster.until(() => cluster.settled, 20_000);
      expect(states(cluster)).toBe(1);
    } finally {
      cluster.end();
    }
  },
);

it.each(SEEDS)(
  'X6 tombstones outlive changes of leaders and of clocks, and go from all servers, seed %i',
  async (seed) => {
    const cluster = new Cluster({ seed, servers: 3 });
    const { ttlMs, stepMs } = TOMBSTONE_TIMES;
    try {
      await cluster.found();
      await write(cluster, 'set', 'a/1');
      const keptIndex = indexOf(cluster);
      await write(cluster, 'set', 'a/2');
      await write(cluster, 'delete', 'a/2');
      const deletedIndex = indexOf(cluster);
      expect(deletedIndex).toBe(keptIndex + 2);
      for (let change = 0; change < 3; change++) {
        skewClocks(cluster);
        await cluster.until(() => false, cluster.random.between(stepMs, ttlMs - stepMs));
        await changeLeader(cluster);
        // No leader so far has led for the TTL: the index may not go back.
        expect(indexOf(cluster)).toBe(deletedIndex);
        expect(graves(cluster)).toEqual([['a/2'], ['a/2'], ['a/2']]);
      }
      const beganMs = cluster.simulation.nowMs;
      await write(cluster, 'set', 'b');
      await write(cluster, 'delete', 'b');
      const reaped = () => graves(cluster).every((keys) => keys.length === 0);
      expect(await cluster.until(reaped, 2 * ttlMs)).toBe(true);
      const tookMs = cluster.simulation.nowMs - beganMs;
      expect(tookMs).toBeGreaterThanOrEqual(ttlMs);
      expect(tookMs).toBeLessThan(ttlMs + 2 * stepMs);
      expect(indexOf(cluster)).toBe(keptIndex);
      await cluster.until(() => cluster.settled, 20_000);
      expect(states(cluster)).toBe(1);
    } finally {
      cluster.end();
    }
  },
);
