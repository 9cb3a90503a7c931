// Services and checks of a client agent, seen in the catalog of its servers.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MixedDatacenter } from '../mixed-datacenter.ts';
import { skipLoudly } from '../program.ts';
import { checksOf, servicesOf, untilEqual, untilStatus } from './catalog.ts';
import { fileTarget, httpTarget, type Target, tcpTarget } from './targets.ts';

const REAP_LIMIT_MS = 150_000;

export function serviceTests(datacenter: () => MixedDatacenter): void {
  test('services come and go by the command line', async () => {
    const { clients, servers, folder } = datacenter();
    const [client, server] = [clients[0], servers[1] ?? servers[0]];
    if (client === undefined || server === undefined) throw new Error('too few agents');
    const file = join(folder, 'services.json');
    const checks = [{ id: 'db-ttl', name: 'db alive', ttl: '10m', status: 'passing' }];
    const service = {
      name: 'db',
      id: 'db-1',
      port: 5432,
      tags: ['primary', 'v1'],
      meta: { team: 'data' },
      address: '10.9.8.7',
    };
    writeFileSync(file, JSON.stringify({ services: [{ ...service, checks }, { name: 'cache' }] }));
    expect(await client.succeed('services', 'register', file)).toContain('Registered service: db');
    await untilEqual(
      'the services in the catalog',
      async () => [...(await servicesOf(server, client.name)).keys()].toSorted().slice(0, 2),
      ['cache', 'db-1'],
    );
    const found = (await servicesOf(server, client.name)).get('db-1');
    expect(found).toMatchObject({
      Service: 'db',
      Port: 5432,
      Tags: ['primary', 'v1'],
      Meta: { team: 'data' },
      Address: '10.9.8.7',
    });
    await untilStatus(server, client.name, 'db-ttl', 'passing');
    for (const agent of [server, client]) {
      const nodes = await agent.succeed('catalog', 'nodes', '-service=db');
      expect(nodes).toContain(client.name);
      expect(await agent.succeed('catalog', 'services', '-tags')).toMatch(/db +primary,v1/);
    }
    await client.succeed('services', 'register', '-name=db', '-id=db-1', '-port=5433');
    await untilEqual(
      'the replaced service in the catalog',
      async () => (await servicesOf(server, client.name)).get('db-1')?.Port,
      5433,
    );
    for (const id of ['db-1', 'cache']) await client.succeed('services', 'deregister', `-id=${id}`);
    await untilEqual('the services gone from the catalog', async () => {
      const ids = [...(await servicesOf(server, client.name)).keys()];
      return ids.filter((id) => id === 'db-1' || id === 'cache');
    }, []);
    expect((await checksOf(server, client.name)).has('db-ttl')).toBe(false);
  });

  test('checks of all kinds turn critical and passing again', async () => {
    const { clients, servers, folder } = datacenter();
    const [client, server] = [clients[1], servers[0]];
    if (client === undefined || server === undefined) throw new Error('too few agents');
    const every = { Interval: '500ms', Timeout: '2s' };
    const targets: Record<string, Target> = { http: await httpTarget(), tcp: await tcpTarget() };
    const checks: object[] = [
      { CheckID: 'shop-http', Name: 'http', HTTP: targets['http']?.at, ...every },
      { CheckID: 'shop-tcp', Name: 'tcp', TCP: targets['tcp']?.at, ...every },
    ];
    const script = fileTarget(join(folder, `${client.name}-is-well`));
    const scripted = { CheckID: 'shop-script', Args: ['test', '-f', script.at], ...every };
    if (client.maker === 'consul') {
      targets['script'] = script;
      checks.push(scripted);
    } else {
      skipLoudly('script checks of our agents', 'they run no scripts, and say so');
      const refused = await client.put('/v1/agent/service/register', {
        Name: 'scripted',
        Check: scripted,
      });
      expect(refused.status).toBe(400);
      expect(refused.text).toContain('Scripts are disabled on this agent');
    }
    const shop = { Name: 'shop', Port: 80, Checks: checks };
    const till = { Name: 'till', Checks: [{ CheckID: 'till-alias', AliasService: 'shop' }] };
    for (const body of [shop, till]) {
      expect((await client.put('/v1/agent/service/register', body)).text).toBe('');
    }
    const is = (id: string, status: string) => untilStatus(server, client.name, id, status);
    try {
      for (const kind of Object.keys(targets)) await is(`shop-${kind}`, 'passing');
      await is('till-alias', 'passing');
      for (const [kind, target] of Object.entries(targets)) {
        await target.fail();
        const output = await is(`shop-${kind}`, kind === 'script' ? 'warning' : 'critical');
        if (kind === 'http') expect(output).toContain('503 Service Unavailable Output: on fire');
        await is('till-alias', kind === 'script' ? 'warning' : 'critical');
        const passing = await server.json<unknown[]>('/v1/health/service/shop?passing');
        expect(passing).toEqual([]);
        await target.pass();
        await is(`shop-${kind}`, 'passing');
        await is('till-alias', 'passing');
      }
      expect(await server.json('/v1/health/service/shop?passing')).toHaveLength(1);
    } finally {
      for (const target of Object.values(targets)) target.close();
      for (const id of ['shop', 'till']) await client.put(`/v1/agent/service/deregister/${id}`);
    }
  });

  test('a TTL check lives by its updates', async () => {
    const { clients, servers } = datacenter();
    const [client, server] = [clients[0], servers[0]];
    if (client === undefined || server === undefined) throw new Error('too few agents');
    const check = { ID: 'beat', Name: 'heartbeat', Notes: 'by hand', TTL: '3s' };
    expect((await client.put('/v1/agent/check/register', check)).status).toBe(200);
    const is = (status: string) => untilStatus(server, client.name, 'beat', status);
    await is('critical');
    await client.put('/v1/agent/check/pass/beat?note=fine');
    expect(await is('passing')).toBe('fine');
    expect(await is('critical')).toContain('TTL expired');
    await client.put('/v1/agent/check/update/beat', { Status: 'warning', Output: 'so so' });
    expect(await is('warning')).toBe('so so');
    await client.put('/v1/agent/check/fail/beat?note=broken');
    expect(await is('critical')).toBe('broken');
    expect((await checksOf(server, client.name)).get('beat')?.Notes).toBe('by hand');
    await client.put('/v1/agent/check/deregister/beat');
    await untilEqual(
      'the check gone',
      async () => (await checksOf(server, client.name)).has('beat'),
      false,
    );
  });

  test('maintenance of a node and of a service', async () => {
    const { clients, servers } = datacenter();
    const [client, server] = [clients[0], servers[0]];
    if (client === undefined || server === undefined) throw new Error('too few agents');
    await client.succeed('services', 'register', '-name=paused');
    await client.succeed('maint', '-enable', '-service=paused', '-reason=a new disk');
    await client.succeed('maint', '-enable', '-reason=moving house');
    const node = await untilStatus(server, client.name, '_node_maintenance', 'critical');
    expect(node).toBe('');
    const checks = await checksOf(server, client.name);
    expect(checks.get('_node_maintenance')?.Notes).toBe('moving house');
    await untilStatus(server, client.name, '_service_maintenance:paused', 'critical');
    const shown = await client.succeed('maint');
    expect(shown).toContain('moving house');
    expect(shown).toContain('a new disk');
    await client.succeed('maint', '-disable', '-service=paused');
    await client.succeed('maint', '-disable');
    await client.succeed('services', 'deregister', '-id=paused');
    await untilEqual(
      'the end of maintenance',
      async () =>
        [...(await checksOf(server, client.name)).keys()].filter((id) => id.includes('maint')),
      [],
    );
  });

  test('a service that stays critical is removed', { timeout: REAP_LIMIT_MS }, async () => {
    const { clients, servers } = datacenter();
    const [client, server] = [clients[1], servers[0]];
    if (client === undefined || server === undefined) throw new Error('too few agents');
    const body = {
      Name: 'doomed',
      Check: { TTL: '1s', DeregisterCriticalServiceAfter: '1m' },
    };
    expect((await client.put('/v1/agent/service/register', body)).status).toBe(200);
    const there = async () => (await servicesOf(server, client.name)).has('doomed');
    await untilEqual('the doomed service', there, true);
    await untilEqual('its removal', there, false, REAP_LIMIT_MS);
    expect((await client.ask('/v1/agent/service/doomed')).status).toBe(404);
  });
}
