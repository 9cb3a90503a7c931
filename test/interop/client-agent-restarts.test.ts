/**
 * Servers and client agents of different makers are restarted in turn, by a signal and by kill -9,
 * while others write: nothing is lost, services come back by themselves, no check tells a lie.
 * MOBIUS_INTEROP_RESTARTS says how many times each is restarted.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checksOf, servicesOf, untilEqual, untilStatus } from './client-agent/catalog.ts';
import { httpTarget, type Target } from './client-agent/targets.ts';
import { KeyWriter } from './key-writer.ts';
import { type Agent, type Maker, MixedDatacenter } from './mixed-datacenter.ts';
import { consulPeer, pathOr } from './peers/find.ts';
import { figure, pause, until } from './program.ts';

const CONSUL = pathOr('restarts of client agents and servers of two makers', consulPeer());
const ROUNDS = Number(process.env['MOBIUS_INTEROP_RESTARTS'] ?? 1);
const AGENTS = 5;
const READY_LIMIT_MS = 90_000;
const STEP_LIMIT_MS = 60_000;
const ROUND_LIMIT_MS = AGENTS * STEP_LIMIT_MS;
const DOWN_MS = 1_000;
const QUIET_MS = 5_000;
const REPAIR_LIMIT_MS = 45_000;
const FAILURE_LIMIT_MS = 60_000;
const SAMPLE_MS = 200;

interface Variant {
  readonly title: string;
  readonly servers: Maker;
  readonly clients: Maker;
  readonly subnet: number;
}

const VARIANTS: readonly Variant[] = [
  {
    title: 'client agents of Consul on our servers',
    servers: 'mobius',
    clients: 'consul',
    subnet: 36,
  },
  {
    title: 'our client agents on servers of Consul',
    servers: 'consul',
    clients: 'mobius',
    subnet: 37,
  },
];

/** Notes whatever the catalog says of the web service's checks that is not `passing`. */
class CheckWatch {
  readonly wrong: string[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  /** `restarting` may be in any state until it runs again. */
  constructor(datacenter: MixedDatacenter, restarting: () => Agent | null) {
    this.#done = this.#run(datacenter, restarting);
  }

  end(): Promise<void> {
    this.#stop.abort();
    return this.#done;
  }

  async #run(datacenter: MixedDatacenter, restarting: () => Agent | null): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const away = restarting();
      const asked = datacenter.servers.find((server) => server !== away && server.running);
      const answer = await asked?.ask('/v1/health/checks/web');
      if (answer?.status === 200) {
        const checks = JSON.parse(answer.text) as readonly Readonly<Record<string, string>>[];
        for (const { Node, CheckID, Status, Output } of checks) {
          if (Status === 'passing' || Node === away?.name || Node === restarting()?.name) continue;
          this.wrong.push(`${CheckID} of ${Node} is ${Status}: ${Output}`);
        }
      }
      await pause(SAMPLE_MS);
    }
  }
}

function writerThrough(agent: Agent): KeyWriter {
  const write = async (key: string, value: string): Promise<boolean> => {
    const { status, text } = await agent.put(`/v1/kv/${key}`, value);
    return status === 200 && text.trim() === 'true';
  };
  return new KeyWriter({ prefix: `by-${agent.name}`, write });
}

describe.skipIf(CONSUL === null).each(VARIANTS)('$title', (variant) => {
  let datacenter: MixedDatacenter;
  let target: Target;

  beforeAll(async () => {
    target = await httpTarget();
    datacenter = await MixedDatacenter.start({
      consul: CONSUL ?? '',
      subnet: variant.subnet,
      servers: [variant.servers, variant.servers, variant.servers],
      clients: [variant.clients, variant.clients],
      security: 'closed',
    });
    for (const client of datacenter.clients) {
      const { status, text } = await client.put('/v1/agent/service/register', {
        Name: 'web',
        Port: 80,
        Checks: [
          { CheckID: 'web-http', Name: 'http', HTTP: target.at, Interval: '500ms' },
          { CheckID: 'web-ttl', Name: 'ttl', TTL: '1h' },
        ],
      });
      expect(status, text).toBe(200);
      await client.put('/v1/agent/check/pass/web-ttl?note=fine');
    }
    await allPassing();
  }, READY_LIMIT_MS);

  afterAll(async () => {
    target?.close();
    await datacenter?.stop();
  });

  async function allPassing(): Promise<void> {
    for (const server of datacenter.servers) {
      for (const client of datacenter.clients) {
        for (const id of ['web-http', 'web-ttl']) {
          await untilStatus(server, client.name, id, 'passing');
        }
      }
    }
  }

  async function expectAllKept(writers: readonly KeyWriter[]): Promise<void> {
    for (const agent of datacenter.agents) {
      const pairs = await agent.json<Parameters<KeyWriter['lost']>[0]>(
        '/v1/kv/by-?recurse&consistent',
      );
      for (const writer of writers) expect(writer.lost(pairs), agent.name).toEqual([]);
    }
  }

  test(`${ROUNDS} restarts of each under a writer`, {
    timeout: 60_000 + ROUNDS * ROUND_LIMIT_MS,
  }, async () => {
    const { clients, servers, agents } = datacenter;
    const writers = [...clients, ...servers.slice(0, 1)].map(writerThrough);
    let restarting: Agent | null = null;
    const watch = new CheckWatch(datacenter, () => restarting);
    for (const writer of writers) writer.begin();
    const slowest: string[] = [];
    for (let step = 0; step < ROUNDS * agents.length; step += 1) {
      const agent = agents[step % agents.length];
      if (agent === undefined) throw new Error('no agent');
      restarting = agent;
      const signal = step % 2 === 0 ? 'SIGKILL' : 'SIGTERM';
      await agent.end(signal);
      await pause(DOWN_MS);
      agent.start();
      const beganAt = performance.now();
      await datacenter.healthy(STEP_LIMIT_MS);
      await allPassing();
      restarting = null;
      slowest.push(`${agent.name} ${signal} ${Math.round(performance.now() - beganAt)} ms`);
    }
    await pause(QUIET_MS);
    await watch.end();
    await Promise.all(writers.map((writer) => writer.end()));
    figure(`${variant.title}: whole again after ${slowest.join(', ')}`);
    for (const { prefix, acknowledged, refused, longestGapMs } of writers) {
      const gap = Math.round(longestGapMs);
      figure(`${prefix}: ${acknowledged.size} acknowledged, ${refused} refused, pause ${gap} ms`);
      expect(acknowledged.size).toBeGreaterThan(agents.length);
    }
    expect(watch.wrong).toEqual([]);
    await expectAllKept(writers);
    for (const client of clients) {
      expect([...(await servicesOf(client, client.name)).keys()]).toEqual(['web']);
      expect((await checksOf(client, client.name)).get('web-ttl')?.Output).toBe('fine');
    }
  });

  test('what drifted in the catalog is repaired both ways', {
    timeout: 2 * REPAIR_LIMIT_MS,
  }, async () => {
    const client = datacenter.clients[0];
    const leader = await datacenter.leader();
    const server = datacenter.servers.find((each) => each !== leader);
    if (client === undefined || server === undefined) throw new Error('too few agents');
    const node = { Node: client.name, Address: client.address };
    const lie = { ...node, SkipNodeUpdate: true };
    const drift = [
      server.put('/v1/catalog/deregister', { Node: client.name, ServiceID: 'web' }),
      server.put('/v1/catalog/register', { ...lie, Service: { Service: 'ghost', Port: 1 } }),
      server.put('/v1/catalog/register', {
        ...lie,
        Check: { Node: client.name, CheckID: 'ghost-check', Name: 'ghost', Status: 'critical' },
      }),
    ];
    for (const { status, text } of await Promise.all(drift)) expect(status, text).toBe(200);
    // Agents compare everything when they hear of a new leader, and otherwise once in a while.
    await leader.end('SIGKILL');
    leader.start();
    await untilEqual(
      'the services as the agent has them',
      async () => [...(await servicesOf(server, client.name)).keys()],
      ['web'],
      REPAIR_LIMIT_MS,
    );
    await untilEqual(
      'the checks as the agent has them',
      async () => [...(await checksOf(server, client.name)).keys()].toSorted(),
      ['serfHealth', 'web-http', 'web-ttl'],
      REPAIR_LIMIT_MS,
    );
    await datacenter.healthy();
    await allPassing();
  });

  test('an agent that failed is forced out, one that leaves is gone', {
    timeout: 2 * FAILURE_LIMIT_MS,
  }, async () => {
    const { clients, servers } = datacenter;
    const [gone, leaver, server] = [clients[0], clients[1], servers[0]];
    if (gone === undefined || leaver === undefined || server === undefined) {
      throw new Error('too few agents');
    }
    const statusOf = async ({ name }: Agent): Promise<string | undefined> =>
      new RegExp(`^${name} +\\S+ +(\\w+)`, 'm').exec(await server.succeed('members'))?.[1];
    await gone.end('SIGKILL');
    await until('its failure', FAILURE_LIMIT_MS, async () => (await statusOf(gone)) === 'failed');
    await untilStatus(server, gone.name, 'serfHealth', 'critical');
    await server.succeed('force-leave', gone.name);
    await until('its end', FAILURE_LIMIT_MS, async () => (await statusOf(gone)) === 'left');
    const nodes = async (): Promise<readonly string[]> => {
      const found = await server.json<readonly { readonly Node: string }[]>('/v1/catalog/nodes');
      return found.map(({ Node }) => Node).filter((name) => name.startsWith('client'));
    };
    await untilEqual('its node gone', nodes, [leaver.name]);
    await leaver.succeed('leave');
    await leaver.ended();
    await until('the leave', FAILURE_LIMIT_MS, async () => (await statusOf(leaver)) === 'left');
    await untilEqual('the nodes gone', nodes, []);
    for (const agent of [gone, leaver]) agent.start();
    await datacenter.healthy();
    await allPassing();
    await server.succeed('force-leave', '-prune', 'nobody').catch((error: Error) => {
      expect(error.message).toContain("No node found with name 'nobody'");
    });
  });
});
