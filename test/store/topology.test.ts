/** Goal: who is connected to whom, and what stands behind gateways, as Consul 1.9 tells it. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { NodeService, RegisterRequest, ServiceSpecificRequest } from '../../src/model/catalog.ts';
import { configEntryRow } from '../../src/model/config-entry.ts';
import { CATALOG_GATEWAY_SERVICES, CATALOG_REGISTER } from '../../src/rpc/methods/catalog.ts';
import { CONFIG_ENTRY_APPLY } from '../../src/rpc/methods/config-entry.ts';
import {
  INTERNAL_GATEWAY_SERVICE_DUMP,
  INTERNAL_SERVICE_TOPOLOGY,
} from '../../src/rpc/methods/internal.ts';
import type { MsgpackAny } from '../../src/wire/msgpack/reader.ts';
import { any, encode } from '../../src/wire/msgpack/schema.ts';
import { type BoxedServer, startBoxedServer } from '../replay/in-process.ts';

let server: BoxedServer;
beforeAll(async () => {
  server = await startBoxedServer();
  await put('service-defaults', 'api', { Protocol: 'http' });
  await put('ingress-gateway', 'ing', {
    Listeners: [
      { Port: 8080, Protocol: 'http', Services: [{ Name: '*', Hosts: null }] },
      { Port: 9090, Protocol: 'tcp', Services: [{ Name: 'web', Hosts: null }] },
    ],
  });
  await put('terminating-gateway', 'term', {
    Services: [
      { Name: '*', CAFile: '/all.pem' },
      { Name: 'legacy', CAFile: '/ca.pem', SNI: 'legacy.example' },
    ],
  });
  await put('service-intentions', 'api', {
    Sources: [{ Name: 'web', Action: 'deny', Precedence: 9, Type: 'consul' }],
  });
  for (const name of ['web', 'api', 'legacy']) await register({ Service: name });
  await register({
    Service: 'web-proxy',
    Kind: 'connect-proxy',
    Port: 81,
    Proxy: {
      ...NodeService.zero().Proxy,
      DestinationServiceName: 'web',
      Upstreams: [upstream('', 'api'), upstream('prepared_query', 'query'), upstream('', 'absent')],
    },
  });
});
afterAll(() => server.close());

function upstream(DestinationType: string, DestinationName: string) {
  return {
    DestinationType,
    DestinationNamespace: '',
    DestinationName,
    Datacenter: '',
    LocalBindAddress: '',
    LocalBindPort: 1,
    Config: null,
    MeshGateway: { Mode: '' },
    IngressHosts: null,
  };
}

async function put(Kind: string, Name: string, fields: Readonly<Record<string, MsgpackAny>>) {
  const Entry = configEntryRow(encode(any, { Kind, Name, ...fields }));
  const request = { Kind, Datacenter: 'dc1', Op: 'upsert', Token: '', Entry };
  await server.rpc.call(CONFIG_ENTRY_APPLY, request);
}

async function register(service: Partial<NodeService> & { readonly Service: string }) {
  const Service = NodeService.of({ ID: service.Service, ...service });
  const request = { Datacenter: 'dc1', Node: 'n1', Address: '10.0.0.1', Service };
  await server.rpc.call(CATALOG_REGISTER, RegisterRequest.of(request));
}

const about = (ServiceName: string, ServiceKind = '') =>
  ServiceSpecificRequest.of({ Datacenter: 'dc1', ServiceName, ServiceKind });

test('links are those of the entries; what is named wins over what matches', async () => {
  const ingress = await server.rpc.call(CATALOG_GATEWAY_SERVICES, about('ing'));
  expect(ingress.Services).toMatchObject([
    { Service: { Name: 'api' }, Port: 8080, Protocol: 'http', FromWildcard: true },
    { Service: { Name: 'web' }, Port: 9090, Protocol: 'tcp', FromWildcard: false },
  ]);
  const terminating = await server.rpc.call(CATALOG_GATEWAY_SERVICES, about('term'));
  expect(terminating.Services).toMatchObject([
    { Service: { Name: 'api' }, CAFile: '/all.pem', FromWildcard: true },
    { Service: { Name: 'legacy' }, CAFile: '/ca.pem', SNI: 'legacy.example', FromWildcard: false },
    { Service: { Name: 'web' }, CAFile: '/all.pem', FromWildcard: true },
  ]);
  expect((await server.rpc.call(CATALOG_GATEWAY_SERVICES, about('none'))).Services).toBeNull();
});

test('the instances behind a gateway come with their links', async () => {
  await put('ingress-gateway', 'lone', {
    Listeners: [{ Port: 1, Protocol: 'tcp', Services: [{ Name: 'nobody', Hosts: null }] }],
  });
  const dump = async (name: string) =>
    (await server.rpc.call(INTERNAL_GATEWAY_SERVICE_DUMP, about(name))).Dump;
  expect(await dump('ing')).toMatchObject([
    { Service: { Service: 'api' }, GatewayService: { Port: 8080 } },
    { Service: { Service: 'web' }, GatewayService: { Port: 9090 } },
  ]);
  expect(await dump('lone')).toMatchObject([
    { Node: null, Service: null, GatewayService: { Service: { Name: 'nobody' } } },
  ]);
  await expect(dump('')).rejects.toThrow('Must provide gateway name');
});

test('the services up and down of one, with what intentions say', async () => {
  const topology = async (name: string, kind = '') =>
    (await server.rpc.call(INTERNAL_SERVICE_TOPOLOGY, about(name, kind))).ServiceTopology;
  expect(await topology('web')).toMatchObject({
    MetricsProtocol: 'tcp',
    Upstreams: [{ Service: { Service: 'api' } }],
    UpstreamDecisions: {
      absent: { Allowed: true, HasExact: false },
      api: { Allowed: false, HasExact: true },
    },
    Downstreams: [],
    DownstreamDecisions: { ing: { Allowed: true } },
  });
  expect(await topology('api')).toMatchObject({
    MetricsProtocol: 'http',
    Downstreams: [{ Service: { Service: 'web' } }, { Service: { Service: 'web-proxy' } }],
    DownstreamDecisions: { ing: { Allowed: true }, web: { Allowed: false } },
  });
  expect(await topology('ing', 'ingress-gateway')).toMatchObject({ MetricsProtocol: 'tcp' });
  await expect(topology('web', 'mesh-gateway')).rejects.toThrow('unsupported kind "mesh-gateway"');
  await expect(topology('')).rejects.toThrow('Must provide a service name');
});
