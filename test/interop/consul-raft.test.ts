// A real Consul and two servers of ours in one datacenter and one raft group.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { consulPeer, pathOr } from './peers/find.ts';
import { figure, temporaryFolder, until } from './program.ts';
import {
  COMPACTING,
  configured,
  holds,
  leaderOf,
  leads,
  numbered,
  snapshotBehind,
  tellLogs,
  Writer,
  writeAll,
} from './raft-group.ts';
import {
  consulServer,
  type HttpServer,
  ourServer,
  type ServerName,
  serverName,
} from './raft-server.ts';

const GROUP = 61;
const SETTLE_LIMIT_MS = 20_000;
/** What all must agree on to the byte, indexes included. */
const VIEWS = [
  '/v1/kv/?recurse&stale',
  '/v1/catalog/nodes?stale',
  '/v1/health/service/web?stale',
  '/v1/session/list?stale',
  '/v1/internal/federation-states?stale',
  '/v1/connect/ca/roots?stale',
];

const consul = pathOr('a real Consul and ours in one raft group', consulPeer());

describe.skipIf(consul === null)('X7 a real Consul and two of ours', () => {
  const temporary = temporaryFolder();
  const names = [1, 2, 3].map((number) => serverName(GROUP, number)) as [
    ServerName,
    ServerName,
    ServerName,
  ];
  const config = {
    bootstrap_expect: 3,
    retry_join: names.map(({ host }) => host),
    retry_interval: '1s',
    // Whoever is killed comes back, and must not have been replaced meanwhile.
    autopilot: { cleanup_dead_servers: false },
    connect: { enabled: true },
    ...COMPACTING,
  };
  const real = consulServer(consul ?? '', temporary.path, names[0], config);
  const ours = names.slice(1).map((name) => ourServer(temporary.path, name, config)) as [
    HttpServer,
    HttpServer,
  ];
  const all = [real, ...ours] as const;

  beforeAll(async () => {
    if (consul === null) return;
    for (const server of all) server.up();
    await leaderOf(all);
  });

  afterAll(async () => {
    tellLogs(all);
    await Promise.all(all.map((server) => server.kill()));
    temporary.remove();
  });

  /** Until all servers show the same of everything. */
  const agree = async (): Promise<void> => {
    let differing: readonly string[] = [];
    await until('the same state everywhere', SETTLE_LIMIT_MS, async () => {
      const shown = await Promise.all(
        VIEWS.map((path) => Promise.all(all.map((server) => server.ask(path)))),
      );
      differing = shown.flatMap((answers, at) => {
        const bodies = answers.map(({ status, text }) => `${status} ${canonical(text)}`);
        return new Set(bodies).size === 1 ? [] : [VIEWS[at] ?? '', ...bodies];
      });
      return differing.length === 0;
    }).catch((error: Error) => {
      throw new Error([error.message, ...differing].join('\n'));
    });
  };

  /** Makes Consul lead: of those that are up it alone has the newest entries. */
  const letConsulLead = async (): Promise<void> => {
    const leader = await leaderOf(all);
    if (leader === real) return;
    const other = ours.find((server) => server !== leader) as HttpServer;
    await other.kill();
    const newest = numbered('newest', 5);
    await writeAll(leader as HttpServer, newest);
    await holds(real, 'newest', newest);
    await (leader as HttpServer).kill();
    other.up();
    await leads(real);
    (leader as HttpServer).up();
    await leaderOf(all);
  };

  const letOursLead = async (): Promise<HttpServer> => {
    const leader = (await leaderOf(all)) as HttpServer;
    if (leader !== real) return leader;
    await real.kill();
    await leaderOf(ours);
    real.up();
    return (await leaderOf(all)) as HttpServer;
  };

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
    await agree();
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
    await agree();
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
    await agree();
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
      await agree();
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

/** JSON with the keys of objects in order. */
function canonical(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    );
  } catch {
    return text;
  }
}
