// The `consul` package from npm, its whole public API against one agent of ours.

import Consul from 'consul';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MixedDatacenter } from './mixed-datacenter.ts';
import { until } from './program.ts';

const READY_LIMIT_MS = 60_000;
const CHANGE_LIMIT_MS = 10_000;

let datacenter: MixedDatacenter;
let consul: Consul;
let node: string;

beforeAll(async () => {
  datacenter = await MixedDatacenter.start({
    consul: '',
    subnet: 35,
    servers: ['mobius'],
    clients: [],
    security: 'open',
  });
  const [server] = datacenter.servers;
  if (server === undefined) throw new Error('no server');
  consul = new Consul({ host: server.address, port: 8500 });
  node = server.name;
}, READY_LIMIT_MS);

afterAll(async () => {
  consul?.destroy();
  await datacenter?.stop();
});

describe('agent', () => {
  test('self, members, join, reload', async () => {
    const self = await consul.agent.self();
    expect(self.Config).toMatchObject({ NodeName: node, Datacenter: 'dc1', Server: true });
    expect(await consul.agent.members()).toMatchObject([{ Name: node, Status: 1 }]);
    expect(await consul.agent.members({ wan: true })).toMatchObject([{ Name: `${node}.dc1` }]);
    await consul.agent.join(self.Member.Addr);
    await consul.agent.reload();
    await expect(consul.agent.forceLeave('nobody')).rejects.toThrow('No node found');
  });

  test('services', async () => {
    await consul.agent.service.register({
      name: 'web',
      id: 'web-1',
      port: 80,
      tags: ['v1'],
      meta: { team: 'shop' },
      check: { name: 'alive', ttl: '5m', status: 'passing', timeout: '1s' },
    });
    await consul.agent.service.register('plain');
    const services = await consul.agent.service.list();
    expect(Object.keys(services).toSorted()).toEqual(['plain', 'web-1']);
    expect(services['web-1']).toMatchObject({ Port: 80, Tags: ['v1'], Meta: { team: 'shop' } });
    expect(await consul.agent.services()).toEqual(services);
    const maintenance = '_service_maintenance:plain';
    await consul.agent.service.maintenance({ id: 'plain', enable: true, reason: 'a new disk' });
    expect((await consul.agent.checks())[maintenance]?.Notes).toBe('a new disk');
    await consul.agent.service.maintenance({ id: 'plain', enable: false });
    expect((await consul.agent.checks())[maintenance]).toBeUndefined();
    await consul.agent.service.deregister('plain');
    expect(Object.keys(await consul.agent.services())).toEqual(['web-1']);
  });

  test('checks', async () => {
    await consul.agent.check.register({ name: 'beat', ttl: '5m', notes: 'by hand', timeout: '1s' });
    const status = async () => (await consul.agent.check.list())['beat']?.Status;
    expect(await status()).toBe('critical');
    await consul.agent.check.pass({ id: 'beat', note: 'fine' });
    expect(await status()).toBe('passing');
    await consul.agent.check.warn('beat');
    expect(await status()).toBe('warning');
    await consul.agent.check.fail('beat');
    expect(await status()).toBe('critical');
    await consul.agent.check.deregister('beat');
    expect(await status()).toBeUndefined();
  });

  test('maintenance', async () => {
    await consul.agent.maintenance({ enable: true, reason: 'moving' });
    expect((await consul.agent.checks())['_node_maintenance']?.Notes).toBe('moving');
    await consul.agent.maintenance(false);
    expect((await consul.agent.checks())['_node_maintenance']).toBeUndefined();
  });
});

test('catalog', async () => {
  expect(await consul.catalog.datacenters()).toEqual(['dc1']);
  await consul.catalog.register({
    node: 'elsewhere',
    address: '192.0.2.9',
    service: { service: 'db', port: 5432, tags: ['primary'] },
    check: { node: 'elsewhere', name: 'up', status: 'passing' },
  });
  const nodes = await consul.catalog.node.list();
  expect(await consul.catalog.nodes('dc1')).toEqual(nodes);
  expect(nodes.map(({ Node }) => Node)).toEqual(expect.arrayContaining(['elsewhere', node]));
  expect(await consul.catalog.service.list()).toMatchObject({ db: ['primary'] });
  expect(await consul.catalog.services()).toMatchObject({ db: ['primary'] });
  expect(await consul.catalog.service.nodes('db')).toMatchObject([{ Address: '192.0.2.9' }]);
  expect(await consul.catalog.connect.nodes('db')).toEqual([]);
  const services = await consul.catalog.node.services('elsewhere');
  expect(services).toMatchObject({ Node: { Node: 'elsewhere' }, Services: { db: { Port: 5432 } } });
  await consul.catalog.deregister('elsewhere');
  expect(await consul.catalog.service.nodes('db')).toEqual([]);
});

test('health', async () => {
  await until('web in the catalog', CHANGE_LIMIT_MS, async () => {
    const found = await consul.health.service({ service: 'web', passing: true });
    return found.length === 1;
  });
  expect(await consul.health.service('web')).toMatchObject([{ Service: { ID: 'web-1' } }]);
  expect(await consul.health.checks('web')).toMatchObject([{ Status: 'passing' }]);
  const checks = await consul.health.node(node);
  expect(checks.map(({ CheckID }) => CheckID)).toEqual(expect.arrayContaining(['serfHealth']));
  expect(await consul.health.state('critical')).toEqual([]);
  const filter = 'CheckID == "serfHealth"';
  expect(await consul.health.state({ state: 'any', filter })).toHaveLength(1);
});

test('kv', async () => {
  expect(await consul.kv.set('npm/a', 'one')).toBe(true);
  expect(await consul.kv.set({ key: 'npm/b', value: Buffer.from('two'), flags: 7 })).toBe(true);
  const pair = await consul.kv.get('npm/b');
  expect(pair).toMatchObject({ Value: 'two', Flags: 7 });
  expect(await consul.kv.get({ key: 'npm/a', raw: true })).toEqual(Buffer.from('one'));
  expect(await consul.kv.get('npm/none')).toBeUndefined();
  expect(await consul.kv.get({ key: 'npm/', recurse: true })).toHaveLength(2);
  expect(await consul.kv.keys('npm/')).toEqual(['npm/a', 'npm/b']);
  expect(await consul.kv.keys({ key: 'n', separator: '/' })).toEqual(['npm/']);
  expect(await consul.kv.set({ key: 'npm/b', value: 'x', cas: 1 })).toBeFalsy();
  const cas = pair?.ModifyIndex ?? 0;
  expect(await consul.kv.set({ key: 'npm/b', value: 'three', cas })).toBe(true);
  expect(await consul.kv.del('npm/a')).toBe(true);
  expect(await consul.kv.del({ key: 'npm/', recurse: true })).toBe(true);
  await expect(consul.kv.keys('npm/')).rejects.toThrow('not found');
});

test('sessions and locks', async () => {
  const { ID } = await consul.session.create({ name: 'npm', ttl: '30s', lockdelay: '1s' });
  expect(await consul.session.info(ID)).toMatchObject({ ID, Name: 'npm', TTL: '30s' });
  expect(await consul.session.get(ID)).toMatchObject({ ID });
  expect(await consul.session.node(node)).toMatchObject([{ ID }]);
  expect(await consul.session.list()).toMatchObject([{ ID }]);
  expect(await consul.session.renew(ID)).toMatchObject([{ ID }]);
  expect(await consul.kv.set({ key: 'npm/lock', value: 'mine', acquire: ID })).toBe(true);
  expect(await consul.kv.get('npm/lock')).toMatchObject({ Session: ID, LockIndex: 1 });
  expect(await consul.kv.set({ key: 'npm/lock', value: 'free', release: ID })).toBe(true);
  await consul.session.destroy(ID);
  expect(await consul.session.list()).toEqual([]);
});

test('events', async () => {
  const fired = await consul.event.fire('deploy', 'now');
  expect(fired).toMatchObject({ Name: 'deploy', Version: 1 });
  await consul.event.fire({ name: 'other', payload: 'x', node: 'nobody' });
  await until('the event', CHANGE_LIMIT_MS, async () => {
    const seen = await consul.event.list('deploy');
    return seen.some(({ ID, Payload }) => ID === fired.ID && String(Payload) === 'now');
  });
  expect(await consul.event.list()).toMatchObject([{ ID: fired.ID }]);
});

test('status', async () => {
  expect(await consul.status.leader()).toMatch(/:8300$/);
  expect(await consul.status.peers()).toHaveLength(1);
});

test('watches', async () => {
  const watch = consul.watch({
    method: consul.kv.get,
    options: { key: 'npm/watched', wait: '5s' },
  });
  const values: string[] = [];
  const errors: unknown[] = [];
  watch.on('change', (data: { readonly Value?: string } | undefined) =>
    values.push(data?.Value ?? 'nothing'),
  );
  watch.on('error', (error) => errors.push(error));
  try {
    expect(watch.isRunning()).toBe(true);
    for (const value of ['one', 'two', 'three']) {
      await consul.kv.set('npm/watched', value);
      await until(`${value} seen`, CHANGE_LIMIT_MS, () => values.at(-1) === value);
    }
    expect(errors).toEqual([]);
    expect(watch.updateTime()).toBeGreaterThan(0);
  } finally {
    watch.end();
  }
  expect(watch.isRunning()).toBe(false);
});

test('a service is watched', async () => {
  const watch = consul.watch({ method: consul.health.service, options: { service: 'watched' } });
  const sizes: number[] = [];
  watch.on('change', (data: readonly unknown[]) => sizes.push(data.length));
  watch.on('error', () => {});
  try {
    await until('the first answer', CHANGE_LIMIT_MS, () => sizes.at(-1) === 0);
    await consul.agent.service.register('watched');
    await until('the service seen', CHANGE_LIMIT_MS, () => sizes.at(-1) === 1);
    await consul.agent.service.deregister('watched');
    await until('its end seen', CHANGE_LIMIT_MS, () => sizes.at(-1) === 0);
  } finally {
    watch.end();
  }
});

test('prepared queries', async () => {
  const { ID } = await consul.query.create({ name: 'find', service: { service: 'web' } });
  expect(await consul.query.list()).toMatchObject([{ ID, Name: 'find' }]);
  await consul.query.update({
    query: ID,
    name: 'find',
    service: { service: 'web', onlypassing: true },
  });
  expect(await consul.query.get(ID)).toMatchObject({ ID, Service: { OnlyPassing: true } });
  expect(await consul.query.execute('find')).toMatchObject({ Service: 'web' });
  // It takes the first of a list from the answer, which is an object: no client has seen more.
  expect(await consul.query.explain('find')).toBeUndefined();
  // Its types do not name it.
  await (consul.query as unknown as { destroy(query: string): Promise<void> }).destroy(ID);
  expect(await consul.query.list()).toEqual([]);
});

test('transactions', async () => {
  // Its types describe another form of operations than it takes.
  const { transaction } = consul as unknown as {
    readonly transaction: {
      create(operations: readonly object[]): Promise<{ readonly Results: readonly unknown[] }>;
    };
  };
  const value = Buffer.from('in one').toString('base64');
  const done = await transaction.create([
    { KV: { Verb: 'set', Key: 'npm/txn', Value: value } },
    { KV: { Verb: 'get', Key: 'npm/txn' } },
  ]);
  expect(done.Results).toHaveLength(2);
});

test('acl is told to be off', async () => {
  await expect(consul.acl.bootstrap()).rejects.toThrow('ACL support disabled');
  await expect(consul.acl.replication()).rejects.toThrow('ACL support disabled');
  await expect(consul.acl.legacy.list()).rejects.toThrow('ACL support disabled');
});
