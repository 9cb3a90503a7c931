// A real Consul and two servers of ours in one datacenter and one raft group.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MixedGroup, SETTLE_LIMIT_MS } from './mixed-raft.ts';
import { consulPeer, pathOr } from './peers/find.ts';
import { figure, temporaryFolder, until } from './program.ts';
import {
  COMPACTING,
  configured,
  holds,
  leaderOf,
  numbered,
  snapshotBehind,
  tellLogs,
  Writer,
  writeAll,
} from './raft-group.ts';
import { type HttpServer, serverName } from './raft-server.ts';

const GROUP = 61;
const consul = pathOr('a real Consul and ours in one raft group', consulPeer());

describe.skipIf(consul === null)('X7 a real Consul and two of ours', () => {
  const temporary = temporaryFolder();
  const names = [1, 2, 3].map((number) => serverName(GROUP, number));
  const group = new MixedGroup(consul ?? '', temporary.path, names, (name) => ({
    retry_join: names.filter((other) => other !== name).map(({ host }) => host),
    connect: { enabled: true },
  }));
  const { real, ours, all } = group;
  const letConsulLead = () => group.letConsulLead();
  const letOursLead = () => group.letOursLead();

  beforeAll(async () => {
    if (consul === null) return;
    for (const server of all) server.up();
    await leaderOf(all);
  });

  afterAll(async () => {
    tellLogs(all);
    await group.kill();
    temporary.remove();
  });

  test('form one group, in which all see the same', async () => {
    await configured(
      all,
      names.map((name) => [name, 'Voter']),
    );
    for (const [at, server] of all.entries()) {
      const written = numbered(`through-${at}`, 20);
      await writeAll(server, written);
      for (const each of all) await holds(each, `through-${at}`, written);
    }
    await group.agree();
  });

  test.each([
    ['Consul', letConsulLead],
    ['ours', letOursLead],
  ] as const)('with %s as leader all kinds of writes are the same on all', async (kind, lead) => {
    await lead();
    for (const [at, server] of all.entries()) {
      const node = `${kind}-${at}`;
      const registration = {
        Node: node,
        Address: '192.0.2.1',
        Service: { ID: `web-${at}`, Service: 'web', Port: 80 + at, Tags: ['v1'] },
        Checks: [{ CheckID: 'alive', Name: 'alive', Status: 'passing' }],
      };
      await accepted(server, '/v1/catalog/register', registration);
      const session = await accepted(server, '/v1/session/create', { Node: node, Checks: [] });
      const { ID } = JSON.parse(session) as { ID: string };
      expect(await accepted(server, `/v1/kv/lock/${node}?acquire=${ID}`, { at })).toMatch(/^true/);
      await accepted(server, `/v1/kv/flags/${node}?flags=18446744073709551615`, 'flagged');
    }
    await accepted(real, '/v1/catalog/deregister', { Node: `${kind}-0` });
    await group.agree();
  });

  test.each([
    ['Consul', letConsulLead],
    ['ours', letOursLead],
  ] as const)('with %s as leader a server that lags gets its snapshot', async (kind, lead) => {
    await lead();
    const leader = (await leaderOf(all)) as HttpServer;
    const lagging = leader === real ? ours[0] : real;
    await lagging.kill();
    const { lastIndex: last } = await leader.standing();
    const written = numbered(`lagged-${kind}`, 100);
    await writeAll(leader, written);
    await snapshotBehind(leader, last + COMPACTING.raft_trailing_logs);
    lagging.up();
    await holds(lagging, `lagged-${kind}`, written);
    await snapshotBehind(lagging, last);
    await group.agree();
  });

  test.each([
    ['Consul', letConsulLead],
    ['ours', letOursLead],
  ] as const)(
    'with %s as leader it is killed under writes: nothing is lost',
    async (kind, lead) => {
      await lead();
      const leader = (await leaderOf(all)) as HttpServer;
      const witness = all.find((server) => server !== leader) as HttpServer;
      const writer = new Writer(`killed-${kind}`, (key, value) => witness.put(key, value));
      await until('some writes', SETTLE_LIMIT_MS, () => writer.acknowledged.size > 50);
      await leader.kill();
      const killedAt = performance.now();
      const reached = writer.acknowledged.size;
      await until('writes again', SETTLE_LIMIT_MS, () => writer.acknowledged.size > reached + 5);
      figure(`${kind} killed as leader: ${Math.round(performance.now() - killedAt)} ms to writes`);
      await writer.end();
      leader.up();
      for (const server of all) await holds(server, writer.prefix, writer.acknowledged);
      await group.agree();
    },
  );

  test.each([
    ['Consul', letConsulLead],
    ['ours', letOursLead],
  ] as const)(
    'with %s as leader it stands still under writes: the others go on, and it follows',
    async (kind, lead) => {
      await lead();
      const leader = (await leaderOf(all)) as HttpServer;
      const others = all.filter((server) => server !== leader);
      const [witness] = others as [HttpServer];
      const writer = new Writer(`still-${kind}`, (key, value) => witness.put(key, value));
      await until('some writes', SETTLE_LIMIT_MS, () => writer.acknowledged.size > 20);
      leader.signal('SIGSTOP');
      await leaderOf(others);
      const reached = writer.acknowledged.size;
      await until('writes again', SETTLE_LIMIT_MS, () => writer.acknowledged.size > reached + 20);
      leader.signal('SIGCONT');
      await until('it follows', SETTLE_LIMIT_MS, async () => {
        return (await leader.standing()).state === 'Follower';
      });
      await writer.end();
      for (const server of all) await holds(server, writer.prefix, writer.acknowledged);
      await group.agree();
    },
  );

  test.each([
    ['Consul', letConsulLead],
    ['ours', letOursLead],
  ] as const)(
    'with %s as leader one of the other kind comes back with its ID and an empty disk',
    async (kind, lead) => {
      await lead();
      const leader = (await leaderOf(all)) as HttpServer;
      const empty = leader === real ? ours[0] : real;
      const written = numbered(`before-${kind}`, 20);
      await writeAll(leader, written);
      await empty.kill();
      rmSync(join(temporary.path, empty.name.node, 'raft'), { recursive: true });
      const meanwhile = numbered(`meanwhile-${kind}`, 20);
      await writeAll(leader, meanwhile);
      empty.up();
      await holds(empty, `before-${kind}`, written);
      await holds(empty, `meanwhile-${kind}`, meanwhile);
      // Ours has no vote before, and the next test may need it.
      const votes = () => empty.lines.some((line) => line.includes('caught up'));
      if (empty !== real) await until('its word counts again', SETTLE_LIMIT_MS, votes);
      expect((await leader.standing()).state).toBe('Leader');
      await group.agree();
    },
  );
});

async function accepted(server: HttpServer, path: string, body: object | string): Promise<string> {
  const { status, text } = await server.ask(
    path,
    typeof body === 'string' ? body : JSON.stringify(body),
  );
  expect(status, `${path}: ${text}`).toBe(200);
  return text;
}
