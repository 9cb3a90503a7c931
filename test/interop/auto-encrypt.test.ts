/**
 * Client agents that start without a certificate get theirs from the servers, and live with it among
 * agents that all demand certificates of each other.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Agent, type Maker, MixedDatacenter } from './mixed-datacenter.ts';
import { consulPeer, pathOr } from './peers/find.ts';
import { until } from './program.ts';

const CONSUL = pathOr('certificates from servers, with a real Consul', consulPeer());
const READY_LIMIT_MS = 90_000;
const SYNC_LIMIT_MS = 15_000;

interface Variant {
  readonly title: string;
  readonly servers: Maker;
  readonly clients: readonly Maker[];
  readonly subnet: number;
}

const VARIANTS: readonly Variant[] = [
  {
    title: 'client agents of Consul on our servers',
    servers: 'mobius',
    clients: ['consul', 'consul'],
    subnet: 41,
  },
  {
    title: 'our client agents on servers of Consul',
    servers: 'consul',
    clients: ['mobius', 'mobius'],
    subnet: 42,
  },
  {
    title: 'our client agents on our servers',
    servers: 'mobius',
    clients: ['mobius', 'mobius'],
    subnet: 43,
  },
];

describe.skipIf(CONSUL === null).each(VARIANTS)('$title', (variant) => {
  let datacenter: MixedDatacenter;

  beforeAll(async () => {
    datacenter = await MixedDatacenter.start({
      consul: CONSUL ?? '',
      subnet: variant.subnet,
      servers: [variant.servers, variant.servers, variant.servers],
      clients: variant.clients,
      security: 'given',
    });
  }, READY_LIMIT_MS);

  afterAll(async () => {
    await datacenter?.stop();
  });

  const first = (agents: readonly Agent[]): Agent => {
    const [agent] = agents;
    if (agent === undefined) throw new Error('no such agent');
    return agent;
  };

  test('services and checks of the client arrive in the catalog', async () => {
    const client = first(datacenter.clients);
    await client.succeed('services', 'register', '-name=given', '-port=4712');
    const answer = await client.put('/v1/agent/check/register', { Name: 'alive', TTL: '1h' });
    expect(answer.text).toBe('');
    await client.put('/v1/agent/check/pass/alive');
    await until('the service and its check in the catalog', SYNC_LIMIT_MS, async () => {
      const server = first(datacenter.servers);
      const services = await server.ask('/v1/catalog/service/given');
      const checks = await server.ask(`/v1/health/node/${client.name}`);
      return services.text.includes('4712') && checks.text.includes('"alive"');
    });
  });

  test('keys, locks and blocking queries pass', async () => {
    const client = first(datacenter.clients);
    await client.succeed('kv', 'put', 'given/key', 'value');
    const { headers } = await client.ask('/v1/kv/given/key');
    const index = headers.get('x-consul-index');
    const waiting = client.ask(`/v1/kv/given/key?raw&index=${index}&wait=20s`);
    await first(datacenter.servers).succeed('kv', 'put', 'given/key', 'other');
    expect((await waiting).text).toBe('other');
    expect(await client.succeed('lock', 'given/lock', 'echo held')).toContain('held');
  });

  test('the client comes back after a restart, and after one of the leader', async () => {
    const client = first(datacenter.clients);
    await client.end('SIGKILL');
    client.start();
    await datacenter.healthy();
    const leader = await datacenter.leader();
    await leader.end('SIGKILL');
    leader.start();
    await datacenter.healthy();
    expect(await client.succeed('kv', 'get', 'given/key')).toBe('other\n');
  });
});
