/** Goal: proxies get the defaults of all, then those of their service, as Consul 1.9 merges them. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { configEntryRow } from '../../src/model/config-entry.ts';
import { ServiceConfigRequest } from '../../src/model/config-entry-rpc.ts';
import { opaqueMap, withText } from '../../src/model/opaque.ts';
import * as method from '../../src/rpc/methods/config-entry.ts';
import type { MsgpackAny } from '../../src/wire/msgpack/reader.ts';
import { any, decode, encode } from '../../src/wire/msgpack/schema.ts';
import { type BoxedServer, startBoxedServer } from '../replay/in-process.ts';

let server: BoxedServer;
beforeAll(async () => {
  server = await startBoxedServer();
  await put('service-defaults', 'web', { Protocol: 'http', MeshGateway: { Mode: 'local' } });
  await put('service-defaults', 'db', { Protocol: 'tcp' });
});
afterAll(() => server.close());

async function put(Kind: string, Name: string, fields: Readonly<Record<string, MsgpackAny>>) {
  const Entry = configEntryRow(encode(any, { Kind, Name, ...fields }));
  const request = { Kind, Datacenter: 'dc1', Op: 'upsert', Token: '', Entry };
  await server.rpc.call(method.CONFIG_ENTRY_APPLY, request);
}

const resolve = (request: Partial<ServiceConfigRequest>) =>
  server.rpc.call(
    method.CONFIG_ENTRY_RESOLVE_SERVICE_CONFIG,
    ServiceConfigRequest.of({ Datacenter: 'dc1', ...request }),
  );

test('without defaults of all, only what the service says is told', async () => {
  expect(await resolve({ Name: 'api' })).toMatchObject({
    ProxyConfig: null,
    UpstreamConfigs: null,
    UpstreamIDConfigs: null,
    MeshGateway: { Mode: '' },
  });
  const upstreams = [{ ID: 'db' }, { ID: 'unknown' }, { ID: 'db' }];
  expect(await resolve({ Name: 'web', UpstreamIDs: upstreams })).toMatchObject({
    ProxyConfig: { protocol: 'http' },
    MeshGateway: { Mode: 'local' },
    UpstreamConfigs: null,
    UpstreamIDConfigs: [{ Upstream: { ID: 'db' }, Config: { protocol: 'tcp' } }],
  });
});

test('the service overrides the defaults of all; older callers get upstreams by name', async () => {
  await put('proxy-defaults', 'global', {
    Config: { protocol: 'grpc', timeout: 3 },
    MeshGateway: { Mode: 'remote' },
    Expose: { Checks: true, Paths: null },
  });
  expect(await resolve({ Name: 'web', Upstreams: ['db', 'unknown'] })).toMatchObject({
    ProxyConfig: { protocol: 'http', timeout: 3 },
    MeshGateway: { Mode: 'local' },
    Expose: { Checks: true, Paths: null },
    UpstreamConfigs: { db: { protocol: 'tcp' }, unknown: { protocol: 'grpc' } },
    UpstreamIDConfigs: null,
  });
});

test('a change wakes those who wait for it', async () => {
  const { Index } = await resolve({ Name: 'web' });
  const waiting = resolve({ Name: 'web', MinQueryIndex: Index, MaxQueryTime: 10e9 });
  await put('service-defaults', 'web', { Protocol: 'http2' });
  expect((await waiting).ProxyConfig).toMatchObject({ protocol: 'http2' });
});

test('setting a text keeps the other values as they were sent: 1.0 stays a float', () => {
  const pair = (key: string, value: string): string =>
    Buffer.from(encode(any, key)).toString('hex') + value;
  const one = 'cb3ff0000000000000';
  const sent = `82${pair('protocol', 'a3746370')}${pair('weight', one)}`;
  const map = decode(opaqueMap, Buffer.from(sent, 'hex'));
  const changed = withText(map, 'protocol', 'http');
  expect(changed).toEqual({ protocol: 'http', weight: 1 });
  expect(Buffer.from(encode(opaqueMap, changed)).toString('hex')).toBe(
    `82${pair('weight', one)}${pair('protocol', 'a468747470')}`,
  );
});
