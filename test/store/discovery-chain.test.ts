/** Goal: the chain of a service without routing entries, as Consul 1.9 compiles it. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { configEntryRow } from '../../src/model/config-entry.ts';
import { DiscoveryChainRequest } from '../../src/model/discovery-chain.ts';
import { CONFIG_ENTRY_APPLY } from '../../src/rpc/methods/config-entry.ts';
import { DISCOVERY_CHAIN_GET } from '../../src/rpc/methods/discovery-chain.ts';
import type { MsgpackAny } from '../../src/wire/msgpack/reader.ts';
import { any, encode } from '../../src/wire/msgpack/schema.ts';
import { type BoxedServer, startBoxedServer } from '../replay/in-process.ts';

let server: BoxedServer;
beforeAll(async () => {
  server = await startBoxedServer();
});
afterAll(() => server.close());

async function put(Kind: string, Name: string, fields: Readonly<Record<string, MsgpackAny>>) {
  const Entry = configEntryRow(encode(any, { Kind, Name, ...fields }));
  const request = { Kind, Datacenter: 'dc1', Op: 'upsert', Token: '', Entry };
  await server.rpc.call(CONFIG_ENTRY_APPLY, request);
}

async function chainOf(request: Partial<DiscoveryChainRequest>) {
  const full = DiscoveryChainRequest.of({ Datacenter: 'dc1', ...request });
  return (await server.rpc.call(DISCOVERY_CHAIN_GET, full)).Chain;
}

test('takes protocol and gateway mode from the entries, the mode for other datacenters only', async () => {
  await put('proxy-defaults', 'global', {
    Config: { protocol: 'http' },
    MeshGateway: { Mode: 'local' },
  });
  await put('service-defaults', 'db', { Protocol: 'tcp', MeshGateway: { Mode: 'remote' } });
  expect(await chainOf({ Name: 'web' })).toMatchObject({
    Protocol: 'http',
    CustomizationHash: '',
    Targets: { 'web.default.dc1': { MeshGateway: { Mode: '' } } },
  });
  const elsewhere = { EvaluateInDatacenter: 'dc2' };
  expect(await chainOf({ Name: 'web', ...elsewhere })).toMatchObject({
    StartNode: 'resolver:web.default.dc2',
    Targets: { 'web.default.dc2': { MeshGateway: { Mode: 'local' } } },
  });
  expect(await chainOf({ Name: 'db', ...elsewhere })).toMatchObject({
    Protocol: 'tcp',
    Targets: { 'db.default.dc2': { MeshGateway: { Mode: 'remote' } } },
  });
});

test('overrides make another chain, those that change nothing do not', async () => {
  const same = await chainOf({
    Name: 'web',
    OverrideProtocol: 'http',
    OverrideConnectTimeout: 5e9,
  });
  expect(same?.CustomizationHash).toBe('');
  const other = await chainOf({ Name: 'web', OverrideProtocol: 'grpc' });
  expect(other).toMatchObject({ Protocol: 'grpc' });
  expect(other?.CustomizationHash).toMatch(/^[0-9a-f]{8}$/);
});

test('an external service is reached by its own name and without gateways', async () => {
  await put('service-defaults', 'shop', { ExternalSNI: 'shop.example' });
  expect(await chainOf({ Name: 'shop', EvaluateInDatacenter: 'dc2' })).toMatchObject({
    Targets: {
      'shop.default.dc2': { External: true, SNI: 'shop.example', MeshGateway: { Mode: '' } },
    },
  });
});

test('says what it cannot compile instead of leaving it out', async () => {
  await put('service-resolver', 'web', { Redirect: { Service: 'db' } });
  await expect(chainOf({ Name: 'web' })).rejects.toThrow(
    'discovery chain "web": service-resolver is not supported here',
  );
});
