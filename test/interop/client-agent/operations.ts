// What operators do to a whole datacenter, through a client agent: run in order, not beside others.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Agent, MixedDatacenter } from '../mixed-datacenter.ts';
import { servicesOf, untilEqual } from './catalog.ts';

const NEXT_KEY = Buffer.alloc(32, 9).toString('base64');

export function operationTests(datacenter: () => MixedDatacenter): void {
  const agents = (): { client: Agent; server: Agent } => {
    const { clients, servers } = datacenter();
    const [client, server] = [clients[0], servers[0]];
    if (client === undefined || server === undefined) throw new Error('too few agents');
    return { client, server };
  };

  test('transactions through the agent hold as a whole or not at all', async () => {
    const { client, server } = agents();
    const value = Buffer.from('1').toString('base64');
    const set = (key: string) => ({ KV: { Verb: 'set', Key: key, Value: value, Flags: 3 } });
    const done = await client.put('/v1/txn', [
      set('txn/a'),
      set('txn/b'),
      { KV: { Verb: 'get-tree', Key: 'txn/' } },
    ]);
    expect(done.status, done.text).toBe(200);
    expect((JSON.parse(done.text) as { readonly Results: unknown[] }).Results).toHaveLength(4);
    const exists = { KV: { Verb: 'check-not-exists', Key: 'txn/a' } };
    const refused = await client.put('/v1/txn', [set('txn/c'), exists]);
    expect(refused.status).toBe(409);
    expect(JSON.parse(refused.text)).toMatchObject({ Errors: [{ OpIndex: 1 }] });
    expect((await server.ask('/v1/kv/txn/c')).status).toBe(404);
    expect((await server.ask('/v1/kv/txn/a?raw')).text).toBe('1');
  });

  test('prepared queries through the agent', async () => {
    const { client, server } = agents();
    await client.succeed('services', 'register', '-name=asked', '-port=4712', '-tag=v1');
    await untilEqual(
      'the service in the catalog',
      async () => [...(await servicesOf(server, client.name)).keys()].includes('asked'),
      true,
    );
    const query = { Name: 'find', Service: { Service: 'asked', Tags: ['v1'] } };
    const created = await client.ask('/v1/query', { method: 'POST', body: query });
    expect(created.status, created.text).toBe(200);
    const { ID } = JSON.parse(created.text) as { readonly ID: string };
    for (const agent of [client, server]) {
      expect(await agent.json('/v1/query')).toMatchObject([{ ID, Name: 'find' }]);
      const found = await agent.json<{ readonly Nodes: readonly object[] }>(
        '/v1/query/find/execute?near=_agent',
      );
      expect(found.Nodes).toMatchObject([{ Service: { Port: 4712 } }]);
      expect(await agent.json('/v1/query/find/explain')).toMatchObject({ Query: { ID } });
    }
    const changed = { ...query, Service: { Service: 'asked', Tags: ['v2'] } };
    expect((await client.put(`/v1/query/${ID}`, changed)).status).toBe(200);
    expect(await server.json(`/v1/query/${ID}/execute`)).toMatchObject({ Nodes: [] });
    expect((await client.ask(`/v1/query/${ID}`, { method: 'DELETE' })).status).toBe(200);
    expect((await server.ask(`/v1/query/${ID}`)).status).toBe(404);
    await client.succeed('services', 'deregister', '-id=asked');
  });

  test('a snapshot is saved, inspected and restored', async () => {
    const { client, server } = agents();
    const file = join(datacenter().folder, 'state.snap');
    await client.succeed('kv', 'put', 'kept/key', 'as it was');
    await client.succeed('snapshot', 'save', file);
    expect(existsSync(file)).toBe(true);
    expect(await client.succeed('snapshot', 'inspect', file)).toMatch(/KVS +\d+/);
    await client.succeed('kv', 'put', 'kept/key', 'changed');
    await client.succeed('kv', 'put', 'kept/new', 'too new');
    expect(await client.succeed('snapshot', 'restore', file)).toContain('Restored snapshot');
    for (const agent of [client, server]) {
      expect(await agent.succeed('kv', 'get', 'kept/key')).toBe('as it was\n');
      expect((await agent.consul('kv', 'get', 'kept/new')).code).toBe(1);
    }
    await datacenter().healthy();
  });

  test('gossip keys are rotated', async () => {
    const { client, server } = agents();
    const { encrypt } = datacenter();
    if (encrypt === null) {
      const { code, err } = await server.consul('keyring', '-list');
      expect([code, err]).toEqual([1, expect.stringContaining('Keyring is empty')]);
      return;
    }
    const refused = await client.consul('keyring', '-list');
    expect(refused.out + refused.err).toContain('keyring operations must run against a server');
    expect(await server.succeed('keyring', '-list')).toContain(encrypt);
    await server.succeed('keyring', '-install', NEXT_KEY);
    await server.succeed('keyring', '-use', NEXT_KEY);
    await server.succeed('keyring', '-remove', encrypt);
    const left = await server.succeed('keyring', '-list');
    expect(left).toContain(NEXT_KEY);
    expect(left).not.toContain(encrypt);
    await datacenter().healthy();
  });
}
