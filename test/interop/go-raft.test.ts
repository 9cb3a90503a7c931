// Our servers and servers on HashiCorp's raft library in one group: the current version, which asks
// for votes beforehand, and the version of Consul 1.9.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KVSRequest } from '../../src/model/kv.ts';
import { decode, encode } from '../../src/wire/msgpack/schema.ts';
import { COMMAND_KVS, GoServer } from './go-raft-server.ts';
import { goPeer, pathOr } from './peers/find.ts';
import { figure, temporaryFolder, until } from './program.ts';
import {
  COMPACTING,
  configured,
  holds,
  leaderOf,
  leads,
  numbered,
  type RaftServer,
  snapshotBehind,
  tellLogs,
  Writer,
  writeAll,
} from './raft-group.ts';
import { type HttpServer, ourServer, type ServerName, serverName } from './raft-server.ts';

const CURRENT = 'the current library';
const VERSIONS = [
  { version: CURRENT, path: pathOr('raft with the current library', goPeer('raft')), group: 41 },
  {
    version: 'the library of Consul 1.9',
    path: pathOr('raft with the library of Consul 1.9', goPeer('raft', 'consul19')),
    group: 51,
  },
] as const;

describe.each(VERSIONS)('X7 one server of ours and two on $version', ({ version, path, group }) => {
  const temporary = temporaryFolder();
  const [one, two, three, late, replica] = [1, 2, 3, 4, 5].map((number) =>
    serverName(group, number),
  ) as [ServerName, ServerName, ServerName, ServerName, ServerName];
  const ours = ourServer(temporary.path, one, { bootstrap_expect: 1, ...COMPACTING });
  const started: GoServer[] = [];
  const before = numbered('before', 60);
  const live = (): readonly GoServer[] => started.filter((server) => server.running);
  const all = (): readonly RaftServer[] => [ours, ...live()];

  const startGo = async (name: ServerName, more: object = {}): Promise<GoServer> => {
    const gossip = { GossipHost: name.host, Join: [one.host] };
    const server = await GoServer.start(path ?? '', name, {
      ...gossip,
      NewTimeFormat: true,
      ...more,
    });
    started.push(server);
    return server;
  };

  beforeAll(() => {
    if (path !== null) ours.up();
  });

  afterAll(async () => {
    tellLogs([ours, ...started]);
    await Promise.all(all().map((server) => server.kill()));
    temporary.remove();
  });

  test.skipIf(path === null)(
    'our leader sends its snapshot to servers that are new, and adds them',
    async () => {
      await leads(ours);
      await writeAll(ours, before);
      await snapshotBehind(ours, 30);
      await startGo(two);
      await startGo(three);
      await configured(all(), [
        [one, 'Voter'],
        [two, 'Voter'],
        [three, 'Voter'],
      ]);
      for (const server of live()) {
        await holds(server, 'before', before);
        expect((await server.tell('commands')).Restored).toBe(1);
      }
    },
  );

  test.skipIf(path === null)(
    'our leader adds a read replica without a vote, and removes it when it leaves',
    async () => {
      const voters = [one, two, three].map((name) => [name, 'Voter'] as const);
      const joiner = await startGo(replica, { ReadReplica: true });
      await configured(all(), [...voters, [replica, 'Nonvoter']]);
      await holds(joiner, 'before', before);
      await joiner.tell('leave');
      await joiner.kill();
      await configured(all(), voters);
    },
  );

  test.skipIf(path === null)('what is written through us is there byte by byte', async () => {
    const Behind = (await ours.standing()).lastIndex;
    const written = numbered('ours', 300);
    await writeAll(ours, written);
    for (const server of live()) await holds(server, 'ours', written);
    const kept = await Promise.all(live().map((server) => server.tell('commands', { Behind })));
    const [some, others] = kept.map(
      ({ Commands }) => new Map(Commands.map(({ Index, Data }) => [Index, Data])),
    );
    const seen = new Map<string, string>();
    for (const [index, data] of some ?? []) {
      const bytes = Buffer.from(data, 'base64');
      if (bytes[0] !== COMMAND_KVS) continue;
      const { DirEnt, ...request } = decode(KVSRequest, bytes.subarray(1));
      seen.set(DirEnt.Key, Buffer.from(DirEnt.Value ?? '').toString());
      expect(encode(KVSRequest, { ...request, DirEnt })).toEqual(bytes.subarray(1));
      expect(others?.get(index)).toBe(data);
    }
    expect(seen).toEqual(written);
  });

  test.skipIf(path === null)(
    'heartbeats take the fast path; headers say who speaks, and which version',
    async () => {
      for (const server of live()) {
        const { Numbers, Headers } = await server.tell('counts');
        expect(Numbers['heartbeat']).toBeGreaterThan(2);
        expect(Numbers['entries']).toBeGreaterThan(2);
        const known = version === CURRENT ? { ID: one.id, Address: one.address } : {};
        for (const kind of ['heartbeat', 'entries', 'append', 'snapshot']) {
          expect(Headers[kind], kind).toMatchObject({ Version: 3, ...known });
        }
      }
    },
  );

  test.skipIf(path === null)('requests of another protocol version are refused', async () => {
    const [server] = live() as [GoServer];
    const to = { Server: one.id, Address: one.address };
    const question = (Kind: 'vote' | 'pre-vote' | 'heartbeat', Version: number, Term = 1) => ({
      ...to,
      Question: { Kind, Version, Term, Self: two.id },
    });
    for (const Version of [0, 1, 4]) {
      await expect(server.tell('ask', question('vote', Version))).rejects.toThrow(
        'operation not supported with current protocol version',
      );
    }
    const { term } = await ours.standing();
    for (const Version of [2, 3]) {
      const answer = await server.tell('ask', question('vote', Version));
      expect(answer).toMatchObject({ Term: term, Granted: false, Header: { Version: 3 } });
    }
    const old = await server.tell('ask', question('heartbeat', 0));
    expect(old).toMatchObject({ Term: term, Granted: false });
    if (version !== CURRENT) return;
    // We lead, so that nobody needs an election; and being asked beforehand changes nothing.
    const beforehand = await server.tell('ask', question('pre-vote', 3, term + 1));
    const Header = { Version: 3, ID: one.id, Address: one.address };
    expect(beforehand).toEqual({ Header, Term: term, Granted: false });
    expect(await ours.standing()).toMatchObject({ state: 'Leader', term });
  });

  test.skipIf(path === null)(
    'our leader is killed under writes: nothing acknowledged is lost, and it comes back',
    async () => {
      const writer = new Writer('killed', (key, value) => ours.put(key, value));
      await until('some writes', 10_000, () => writer.acknowledged.size > 50);
      await ours.kill();
      await writer.end();
      const killedAt = performance.now();
      const leader = (await leaderOf(live())) as GoServer;
      figure(
        `${version}: led ${Math.round(performance.now() - killedAt)} ms after our leader died`,
      );
      for (const server of live()) await holds(server, 'killed', writer.acknowledged);
      const applied = numbered('while-away', 100);
      expect(await leader.set(applied)).toHaveLength(applied.size);
      ours.up();
      await holds(ours, 'while-away', applied);
      await holds(ours, 'killed', writer.acknowledged);
    },
  );

  test.skipIf(path === null)('their leader pipelines its entries to us', async () => {
    const leader = (await leaderOf(live())) as GoServer;
    const applied = numbered('theirs', 2_000);
    expect(await leader.set(applied)).toHaveLength(applied.size);
    await holds(ours, 'theirs', applied);
    const { Numbers } = await leader.tell('counts');
    expect(Numbers['pipelined-entries']).toBeGreaterThan(applied.size);
    expect(await leader.tell('verify')).toBeNull();
  });

  test.skipIf(path === null)(
    'leadership is handed to us, and goes on when we are silent',
    async () => {
      const leader = (await leaderOf(live())) as GoServer;
      await leader.tell('transfer', { Server: one.id, Address: one.address });
      await leads(ours);
      const { Numbers } = await leader.tell('counts');
      expect(Numbers['vote-of-transfer']).toBe(1);
      const written = numbered('handed', 20);
      await writeAll(ours, written);
      for (const server of live()) await holds(server, 'handed', written);

      ours.signal('SIGSTOP');
      const next = (await leaderOf(live())) as GoServer;
      const applied = numbered('silent', 20);
      expect(await next.set(applied)).toHaveLength(applied.size);
      ours.signal('SIGCONT');
      await holds(ours, 'silent', applied);
      expect((await ours.standing()).state).toBe('Follower');
    },
  );

  test.skipIf(path === null)(
    'the one that alone has the newest entries is elected by our vote',
    async () => {
      const leader = (await leaderOf(live())) as GoServer;
      const follower = live().find((server) => server !== leader) as GoServer;
      const written = numbered('newest', 20);
      await ours.kill();
      expect(await leader.set(written)).toHaveLength(written.size);
      await holds(follower, 'newest', written);
      await leader.kill();
      ours.up();
      await leads(follower);
      await holds(ours, 'newest', written);
      const { Numbers } = await follower.tell('counts');
      if (version === CURRENT) expect(Numbers[`pre-vote-of-${one.id}`]).toBeGreaterThan(0);
    },
  );

  test.skipIf(path === null)(
    'their leader is killed under writes: the rest elects, nothing acknowledged is lost',
    async () => {
      const leader = (await leaderOf(live())) as GoServer;
      const joiner = await startGo(late);
      await leader.tell('add-voter', { Server: late.id, Address: late.address });
      const writer = new Writer('killed-too', async (key, value) => {
        return (await leader.set([[key, value]])).length === 1;
      });
      await until('some writes', 10_000, () => writer.acknowledged.size > 50);
      // Of four voters two are gone then; the one that is dead already must not count.
      const dead = started.find((server) => !server.running) as GoServer;
      await leader.tell('remove', { Server: dead.name.id });
      await leader.kill();
      await writer.end();
      await leaderOf([ours, joiner]);
      for (const server of [ours, joiner]) await holds(server, 'killed-too', writer.acknowledged);
    },
  );
});

describe.each(VERSIONS)('X7 two servers of ours and one on $version', ({ path, group }) => {
  const temporary = temporaryFolder();
  const [first, second, third] = [1, 2, 3].map((number) => serverName(group + 1, number)) as [
    ServerName,
    ServerName,
    ServerName,
  ];
  // Whoever expects nobody waits to be added.
  const pool = { retry_join: [first.host], retry_interval: '1s' };
  const ours = [second, third].map((name) =>
    ourServer(temporary.path, name, { ...pool, ...COMPACTING }),
  ) as [HttpServer, HttpServer];
  let theirs: GoServer;
  const all = (): readonly RaftServer[] => [theirs, ...ours];
  const at = ({ id, address }: ServerName) => ({ Server: id, Address: address });

  beforeAll(async () => {
    if (path === null) return;
    theirs = await GoServer.start(path, first, { GossipHost: first.host });
    await theirs.tell('bootstrap', at(first));
    await leads(theirs);
  });

  afterAll(async () => {
    if (path === null) return;
    tellLogs(all());
    await Promise.all(all().map((server) => server.kill()));
    temporary.remove();
  });

  test.skipIf(path === null)(
    'their leader sends its snapshot to our new server, and all see its membership change',
    async () => {
      const applied = numbered('before', 50);
      expect(await theirs.set(applied)).toHaveLength(applied.size);
      await theirs.tell('snapshot');
      const [ourFirst, ourSecond] = ours;
      ourFirst.up();
      ourSecond.up();
      await theirs.tell('add-nonvoter', at(second));
      await holds(ourFirst, 'before', applied);
      await snapshotBehind(ourFirst, 50);
      const steps = [
        ['add-voter', second, ['Voter', 'Voter']],
        ['add-nonvoter', third, ['Voter', 'Voter', 'Nonvoter']],
        ['add-voter', third, ['Voter', 'Voter', 'Voter']],
        ['demote', third, ['Voter', 'Voter', 'Nonvoter']],
        ['remove', third, ['Voter', 'Voter']],
        ['add-voter', third, ['Voter', 'Voter', 'Voter']],
      ] as const;
      await configured(
        [theirs, ourFirst],
        [
          [first, 'Voter'],
          [second, 'Nonvoter'],
        ],
      );
      for (const [verb, server, suffrages] of steps) {
        await theirs.tell(verb, at(server));
        const members = suffrages.map((suffrage, place) => {
          return [[first, second, third][place] as ServerName, suffrage] as const;
        });
        await configured(members.length === 3 ? all() : [theirs, ourFirst], members);
      }
      await expect(theirs.tell('add-voter', { ...at(third), PrevIndex: 1 })).rejects.toThrow(
        /configuration changed since 1/i,
      );
      await holds(ourSecond, 'before', applied);
    },
  );

  test.skipIf(path === null)('their leader sends its snapshot to ours that lags', async () => {
    const [, lagging] = ours;
    await lagging.kill();
    const { lastIndex: last } = await theirs.standing();
    const applied = numbered('lagged', 80);
    expect(await theirs.set(applied)).toHaveLength(applied.size);
    await theirs.tell('snapshot');
    const tail = numbered('tail', 20);
    expect(await theirs.set(tail)).toHaveLength(tail.size);
    lagging.up();
    await holds(lagging, 'lagged', applied);
    await holds(lagging, 'tail', tail);
    await snapshotBehind(lagging, last);
    await holds(lagging, 'before', numbered('before', 50));
  });

  test.skipIf(path === null)(
    'their leader is killed under writes: one of ours leads and has all that was acknowledged',
    async () => {
      const writer = new Writer('killed', async (key, value) => {
        return (await theirs.set([[key, value]])).length === 1;
      });
      await until('some writes', 10_000, () => writer.acknowledged.size > 50);
      await theirs.kill();
      await writer.end();
      const leader = (await leaderOf(ours)) as HttpServer;
      for (const server of ours) await holds(server, 'killed', writer.acknowledged);
      const written = numbered('after', 20);
      await writeAll(leader, written);
      for (const server of ours) await holds(server, 'after', written);
    },
  );
});
