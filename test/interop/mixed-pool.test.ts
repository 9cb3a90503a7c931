// Ten real serf agents and ten of our members, each a process of its own, in one encrypted pool;
// beside it a pool of twenty serf agents, killed at the same moments, as the measure of speed.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleMember, type MemberProgram } from '../support/gossip-process/start.ts';
import { debianPeer, pathOr } from './peers/find.ts';
import { MixedPool, nameOf } from './peers/mixed-pool.ts';
import { agreementMs, allSeeAlive, cpuSeconds, type PoolPeer } from './peers/pool-peer.ts';
import { startTraffic, type TrafficCounts } from './peers/pool-traffic.ts';
import { figure, pause, until } from './program.ts';

const serfPath = pathOr('a mixed pool of twenty', debianPeer('serf', 'serf'));

/** How long nobody may be taken for dead under load. */
const SOAK_MS = Number(process.env['MOBIUS_INTEROP_SOAK_MS'] ?? 60_000);
/** Of forty looks at who leaves: twenty members, two leavers. */
const OVERTAKEN_MAX = 4;
const ALIVE_LIMIT_MS = 60_000;
/** Every member has been probed by every other. */
const PROBED_LIMIT_MS = 60_000;
const EVENT_LIMIT_MS = 10_000;
const DEATH_LIMIT_MS = 60_000;
const ORDER_LIMIT_MS = 5_000;
const ORDERS_MAX = 4;
/** Slower than serf alone by no more than this. */
const SLOWER_MAX = 1.5;
/** One death may be noticed late by chance; the sum of some tells more. */
const KILL_ROUNDS = 3;
/** Who is killed, by number. */
const VICTIMS = { alone: [6, 7, 8, 9, 10], serf: [7, 8], ours: [6, 7, 8] } as const;

const KEYS = [7, 8, 9].map((fill) => Buffer.alloc(16, fill).toString('base64'));
const [FIRST_KEY = '', SECOND_KEY = '', THIRD_KEY = ''] = KEYS;

const folder = mkdtempSync(join(tmpdir(), 'mobius-mixed-pool-'));
const HANDLER = '-event-handler=query:uptime=printf "%s heard %s" "$SERF_SELF_NAME" "$(cat)"';

describe.skipIf(serfPath === null)('ten serf agents and ten of ours', () => {
  let pool: MixedPool;
  let member: MemberProgram;

  beforeAll(async () => {
    member = await bundleMember();
    pool = new MixedPool({
      serfPath: serfPath ?? '',
      member,
      folder,
      key: FIRST_KEY,
      names: { serf: 'serf', ours: 'ours' },
      subnet: 30,
      serf: 10,
      ours: 10,
      serfFlags: [HANDLER],
    });
    await pool.start();
  });

  afterAll(async () => {
    await pool?.stop();
    member?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Failures that any of the running peers has seen since. */
  const failuresSince = (sinceMs: number): readonly string[] =>
    pool.peers.flatMap((peer) =>
      peer.changes
        .filter(({ kind, atMs }) => kind === 'failed' && atMs >= sinceMs)
        .map(({ name }) => `${name}@${peer.name}`),
    );

  /** What a command at a serf agent says about one of its own kind and about one of ours. */
  const both = async (
    about: (peer: PoolPeer) => Promise<string>,
  ): Promise<readonly [serf: string, ours: string]> => {
    const neutral = async (peer: PoolPeer | undefined): Promise<string> => {
      if (peer === undefined) throw new Error('the pool is not complete');
      const text = await about(peer);
      const named = text.replaceAll(peer.name, 'NAME').replaceAll(peer.address, 'ADDRESS');
      // An ack and a response come by ways of their own, and so in any order.
      return named.split('\n').sort().join('\n');
    };
    return [await neutral(pool.serf[4]), await neutral(pool.ours[4])];
  };

  /** Waits until all see this of a member. Gives an order before, and again each few seconds. */
  const becomes = async (
    name: string,
    status: string,
    order: () => Promise<unknown> = async () => {},
  ): Promise<void> => {
    let others: readonly string[] = [];
    const attempt = (): Promise<void> =>
      until(`${name} ${status} at all`, ORDER_LIMIT_MS, async () => {
        const seen = pool.peers.map(async (peer) => {
          return `${peer.name}: ${(await peer.members()).get(name)?.status ?? 'gone'}`;
        });
        others = (await Promise.all(seen)).filter((view) => !view.endsWith(` ${status}`));
        return others.length === 0;
      });
    for (let left = ORDERS_MAX; ; left--) {
      await order();
      try {
        await attempt();
        return;
      } catch (cause) {
        if (left === 1)
          throw new Error(`${name} is not ${status}: ${others.join(', ')}`, { cause });
      }
    }
  };

  const agent = (number = 0) => {
    const found = pool.serf[number];
    if (found === undefined) throw new Error(`no serf agent ${number}`);
    return found;
  };
  const ours = (number = 0) => {
    const found = pool.ours[number];
    if (found === undefined) throw new Error(`no member ${number} of ours`);
    return found;
  };

  test('each of the twenty sees twenty alive', async () => {
    const began = Date.now();
    await pool.joinAll();
    await allSeeAlive(pool.peers, pool.names, ALIVE_LIMIT_MS);
    figure(`20 of 20 alive at all 20 after ${Date.now() - began} ms`);
  });

  test('events are heard once by everybody, whoever fires them', async () => {
    await agent().cli('event', 'deploy', 'v1');
    await ours().fire('rollback', 'v0');
    const heard = (peer: PoolPeer, name: string): number =>
      peer.events.filter((event) => event.startsWith(name)).length;
    await until('events at all', EVENT_LIMIT_MS, () =>
      pool.peers.every((peer) => heard(peer, 'deploy') > 0 && heard(peer, 'rollback') > 0),
    );
    for (const peer of pool.peers) {
      expect([heard(peer, 'deploy'), heard(peer, 'rollback')], peer.name).toEqual([1, 1]);
    }
    expect(ours(3).events).toContain('deploy: v1');
  });

  test('commands say the same of ours as of serf agents', async () => {
    const [listedSerf, listedOurs] = await both((peer) =>
      agent().cli('members', '-detailed', `-name=${peer.name}`),
    );
    expect(listedOurs).toBe(listedSerf);
    expect(listedOurs).toContain('alive');

    for (const flags of [
      [],
      ['-no-ack'],
      ['-relay-factor=2'],
      ['-tag=kind=mem.*'],
      ['-format=json'],
    ]) {
      const [askedSerf, askedOurs] = await both((peer) =>
        agent().cli('query', '-timeout=1s', `-node=${peer.name}`, ...flags, 'uptime', 'now'),
      );
      expect(askedOurs, flags.join()).toBe(askedSerf);
      expect(askedOurs).toContain('NAME heard now');
    }

    const [forcedSerf, forcedOurs] = await both(async (peer) => {
      const { code, text } = await agent().outcome('force-leave', peer.name);
      return `${code} ${text}`;
    });
    expect(forcedOurs).toBe(forcedSerf);
    await allSeeAlive(pool.peers, pool.names, ALIVE_LIMIT_MS);
  });

  test('round trips to ours are estimated as those to serf agents', async () => {
    const estimates: string[] = [];
    const [nearSerf, nearOurs] = await both(async (peer) => {
      // An agent knows the coordinates of those that it has probed.
      await until(`coordinates of ${peer.name}`, PROBED_LIMIT_MS, async () => {
        return (await agent().outcome('rtt', peer.name)).code === 0;
      });
      const text = await agent().cli('rtt', peer.name);
      estimates.push(/[\d.]+ ms/.exec(text)?.[0] ?? text);
      return text.replace(/[\d.]+ ms/, 'N ms');
    });
    expect(nearOurs).toBe(nearSerf);
    figure(`serf estimates ${estimates[0]} to a serf agent and ${estimates[1]} to one of ours`);
  });

  test('all are reachable, and all answer a query of ours', async () => {
    const reached = await agent(1).cli('reachability');
    expect(reached).toContain('Successfully contacted all live nodes');
    expect(reached).toContain('live members: 20');
    const order = {
      name: 'uptime',
      payload: 'then',
      filters: [],
      relayFactor: 1,
      timeoutMs: 3_000,
    };
    const answers = await ours(2).query(order);
    expect([...answers.acks].sort()).toEqual([...pool.names].sort());
    const texts = answers.responses
      .map(({ from, payload }) => `${from}: ${Buffer.from(payload).toString()}`)
      .sort();
    expect(texts).toEqual(pool.names.map((name) => `${name}: ${name} heard then`).sort());
  });

  test('tags that are set are seen by all, and select members', async () => {
    await agent(4).setTag('color', 'blue');
    await ours(4).setTags({ kind: 'member', color: 'blue' });
    const blue = [agent(4).name, ours(4).name];
    await until('tags at all', EVENT_LIMIT_MS, async () => {
      for (const peer of pool.peers) {
        const members = await peer.members();
        if (!blue.every((name) => members.get(name)?.tags['color'] === 'blue')) return false;
      }
      return true;
    });
    const [listedSerf, listedOurs] = await both((peer) =>
      agent().cli(
        'members',
        '-format=json',
        '-tag',
        'color=b.*',
        '-status=alive',
        `-name=${peer.name}`,
      ),
    );
    expect(listedOurs).toBe(listedSerf);
    const filters = [{ kind: 'tag', tag: 'color', expression: '^blue$' }] as const;
    const order = { name: 'uptime', payload: '', filters, relayFactor: 0, timeoutMs: 2_000 };
    expect([...(await ours(1).query(order)).acks].sort()).toEqual([...blue].sort());
  });

  test('keys rotate from either side while traffic goes on, and nobody flaps', async () => {
    const began = Date.now();
    const traffic = startTraffic(pool);
    const command = async (...args: readonly string[]): Promise<string> =>
      (await agent(2).cli('keys', ...args)).replace(/\s+/g, ' ');

    await command('-install', SECOND_KEY);
    await command('-use', SECOND_KEY);
    await command('-remove', FIRST_KEY);
    expect(await command('-list')).toContain(`${SECOND_KEY} [20/20]`);

    for (const step of ['install', 'use'] as const) {
      expect(await ours(2).keys(step, THIRD_KEY)).toMatchObject({ error: '', nodes: 20 });
    }
    expect(await ours(2).keys('remove', SECOND_KEY)).toMatchObject({ error: '', nodes: 20 });
    const listed = await ours(2).keys('list', '');
    expect(listed).toMatchObject({ error: '', nodes: 20 });
    expect(listed.keys).toEqual({ [THIRD_KEY]: 20 });
    expect(listed.primaryKeys).toEqual({ [THIRD_KEY]: 20 });

    const refused = await agent(2).outcome('keys', '-remove', THIRD_KEY);
    expect(refused.code).not.toBe(0);
    expect((await ours(2).keys('remove', THIRD_KEY)).error).toBe('20/20 nodes reported failure');

    // Long enough for every member to be probed with the last key.
    await pause(2_000);
    figure(`two rotations took ${Date.now() - began} ms under ${told(await traffic.stop())}`);
    expect(failuresSince(began)).toEqual([]);
    await allSeeAlive(pool.peers, pool.names, ALIVE_LIMIT_MS);
  });

  test(
    'under load nobody is taken for dead',
    async () => {
      const began = Date.now();
      const cpuBefore = new Map(pool.peers.map((peer) => [peer.name, cpuSeconds(peer)]));
      const traffic = startTraffic(pool);
      await pause(SOAK_MS);
      const counts = await traffic.stop();
      const seconds = (Date.now() - began) / 1_000;
      figure(`${seconds.toFixed(0)} s of load without a death: ${told(counts)}`);
      for (const [maker, peers] of Object.entries({ serf: pool.serf, mobius: pool.ours })) {
        const used = peers.map((peer) => cpuSeconds(peer) - (cpuBefore.get(peer.name) ?? 0));
        const mean = used.reduce((sum, one) => sum + one, 0) / used.length;
        figure(`CPU of a ${maker} member under load: ${((100 * mean) / seconds).toFixed(2)} %`);
      }
      expect(failuresSince(began)).toEqual([]);
      await allSeeAlive(pool.peers, pool.names, ALIVE_LIMIT_MS);
    },
    SOAK_MS + 120_000,
  );

  describe('beside twenty serf agents alone', () => {
    let alone: MixedPool;

    beforeAll(async () => {
      alone = new MixedPool({
        serfPath: serfPath ?? '',
        member,
        folder,
        key: FIRST_KEY,
        names: { serf: 'base', ours: 'none' },
        subnet: 40,
        serf: 20,
        ours: 0,
      });
      await alone.start();
      await alone.joinAll();
      await allSeeAlive(alone.peers, alone.names, ALIVE_LIMIT_MS);
    });

    afterAll(() => alone?.stop());

    /** Kills the peers of these numbers; answers how long the rest took to agree about it. */
    const killAndAgree = async (where: MixedPool, names: readonly string[]): Promise<number> => {
      const began = Date.now();
      await where.kill(where.peers.filter(({ name }) => names.includes(name)));
      return agreementMs(where.peers, names, began, DEATH_LIMIT_MS);
    };

    const victims = {
      alone: VICTIMS.alone.map((number) => nameOf('base', number)),
      mixed: [
        ...VICTIMS.serf.map((number) => nameOf('serf', number)),
        ...VICTIMS.ours.map((number) => nameOf('ours', number)),
      ],
    };

    test('five killed are failed at all who are left, as soon as among serf alone', async () => {
      const took = { alone: 0, mixed: 0 };
      for (let round = 0; round < KILL_ROUNDS; round++) {
        const [aloneMs, mixedMs] = await Promise.all([
          killAndAgree(alone, victims.alone),
          killAndAgree(pool, victims.mixed),
        ]);
        figure(`5 of 20 killed: serf alone agrees after ${aloneMs} ms, mixed after ${mixedMs} ms`);
        took.alone += aloneMs;
        took.mixed += mixedMs;
        if (round + 1 < KILL_ROUNDS) await revive();
      }
      figure(`mixed takes ${(took.mixed / took.alone).toFixed(2)} of the time of serf alone`);
      expect(took.mixed).toBeLessThanOrEqual(SLOWER_MAX * took.alone);
    });

    /** The killed come back with their names and addresses, and everybody sees them. */
    const revive = async (): Promise<void> => {
      const joiners = [
        ...VICTIMS.alone.map((number) => alone.startSerf(number)),
        ...VICTIMS.serf.map((number) => pool.startSerf(number)),
        ...VICTIMS.ours.map((number) => pool.startOurs(number)),
      ];
      for (const joiner of await Promise.all(joiners)) {
        const first = joiner.name.startsWith('base') ? alone.serf[0] : pool.ours[0];
        await joiner.join([first?.address ?? '']);
      }
      await allSeeAlive(alone.peers, alone.names, ALIVE_LIMIT_MS);
      await allSeeAlive(pool.peers, pool.names, ALIVE_LIMIT_MS);
    };

    test('failed members are forced to leave and pruned, of either kind, from either side', async () => {
      const dead = { serf: ['serf-07', 'serf-08'], ours: ['ours-06', 'ours-07'] } as const;
      for (const [bySerf, byOurs] of [dead.serf, dead.ours]) {
        await agent().cli('force-leave', bySerf);
        await ours().forceLeave(byOurs, false);
        await becomes(bySerf, 'left');
        await becomes(byOurs, 'left');
        // A push/pull in between may make an order look old to one member: it is given again then.
        await becomes(bySerf, 'gone', () => agent().cli('force-leave', '-prune', bySerf));
        await becomes(byOurs, 'gone', () => ours().forceLeave(byOurs, true));
      }
    });

    test('who leaves is left at all, and hardly ever called failed before', async () => {
      const began = Date.now();
      const leaving = [agent(3), ours(3)] as const;
      const names = leaving.map(({ name }) => name);
      await Promise.all([leaving[0].cli('leave'), leaving[1].leave()]);
      await pool.kill(leaving);
      for (const name of names) await becomes(name, 'left');
      // By different ways the goodbye may overtake the intent: then agents of serf err for a moment
      // even about each other. Who erred more often would handle the two in the wrong order.
      const erred = failuresSince(began);
      figure(`who left was called failed for a moment by ${erred.length}: ${erred.join(' ')}`);
      expect(erred.length).toBeLessThanOrEqual(OVERTAKEN_MAX);
    });
  });
});

function told(counts: TrafficCounts): string {
  const { events, queries, acks, acksWanted, tagChanges, tagsNotAwaited } = counts;
  const tags = `${tagChanges} tag changes (${tagsNotAwaited} not awaited by serf)`;
  return `${events} events, ${queries} queries (${acks} of ${acksWanted} acks), ${tags}`;
}
