/** `/v1/catalog/…` */

import type { NodeSpecificRequest } from '../../model/blocks.ts';
import type { NodeServiceList, NodeServices, ServiceSpecificRequest } from '../../model/catalog.ts';
import * as method from '../../rpc/methods/catalog.ts';
import type { HttpContext } from '../context.ts';
import { deregisterInput, registerInput } from '../json/bodies.ts';
import { gatewayServiceJson } from '../json/gateway.ts';
import { catalogServiceJson, nodeJson, nodeServiceJson } from '../json/objects.ts';
import { list, map, nullable, object, str } from '../json/output.ts';
import { badRequest, type HttpRequest, jsonAnswer } from '../message.ts';
import {
  nodeMetaFilters,
  querySource,
  type ReadOptions,
  readOptions,
  refuseNamespace,
  requestToken,
} from '../options.ts';
import { answerRead, cacheHeaders, shown, withDefaultToken } from '../read.ts';
import type { Route } from '../router.ts';
import { decodedBody } from './body.ts';
import { rest } from './path.ts';

const gatewayServicesJson = list(gatewayServiceJson, 'null');
const datacentersJson = list(str);
const nodesJson = list(nodeJson);
const servicesJson = map(list(str), '{}');
const catalogServicesJson = list(catalogServiceJson);
const nodeServicesJson = nullable(
  object<NodeServices>({ Node: nullable(nodeJson), Services: map(nodeServiceJson, '{}') }),
);
const nodeServiceListJson = object<NodeServiceList>({
  Node: nullable(nodeJson),
  Services: list(nodeServiceJson, 'null'),
});

const CATALOG_READ = { failedMeta: 'told', consistency: 'told' } as const;

export const CATALOG_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/catalog/register', methods: ['PUT'], handler: register },
  { path: '/v1/catalog/deregister', methods: ['PUT'], handler: deregister },
  { path: '/v1/catalog/datacenters', methods: ['GET'], handler: datacenters },
  { path: '/v1/catalog/nodes', methods: ['GET'], handler: nodes },
  { path: '/v1/catalog/services', methods: ['GET'], handler: services },
  { path: '/v1/catalog/service/', methods: ['GET'], handler: instances('plain') },
  { path: '/v1/catalog/connect/', methods: ['GET'], handler: instances('connect') },
  { path: '/v1/catalog/node/', methods: ['GET'], handler: node },
  { path: '/v1/catalog/node-services/', methods: ['GET'], handler: nodeServiceList },
  { path: '/v1/catalog/gateway-services/', methods: ['GET'], handler: gatewayServices },
];

async function register(http: HttpRequest, context: HttpContext) {
  const body = await decodedBody(http, registerInput);
  const request = {
    ...body,
    Datacenter: body.Datacenter || http.query.get('dc') || context.agent.own.datacenter,
    Token: requestToken(http) || body.Token || context.agent.defaultToken(),
  };
  await context.rpc.call(method.CATALOG_REGISTER, request, http.signal);
  return jsonAnswer('true');
}

async function deregister(http: HttpRequest, context: HttpContext) {
  const body = await decodedBody(http, deregisterInput);
  const request = {
    ...body,
    Datacenter: body.Datacenter || http.query.get('dc') || context.agent.own.datacenter,
    Token: requestToken(http) || body.Token || context.agent.defaultToken(),
  };
  await context.rpc.call(method.CATALOG_DEREGISTER, request, http.signal);
  return jsonAnswer('true');
}

async function datacenters(http: HttpRequest, context: HttpContext) {
  const read = withDefaultToken(readOptions(http, context.agent.own), context);
  const fetch = async (_minIndex: number, signal: AbortSignal) => ({
    value: await context.rpc.call(method.CATALOG_LIST_DATACENTERS, read.options, signal),
    index: 0,
  });
  if (read.cache === null) {
    const { value } = await fetch(0, http.signal);
    return jsonAnswer(datacentersJson.text(value));
  }
  const cached = await context.cache.get(
    {
      key: method.CATALOG_LIST_DATACENTERS.name,
      wish: read.cache,
      minIndex: 0,
      timeoutMs: 0,
      refresh: 'none',
      signal: http.signal,
    },
    fetch,
  );
  return jsonAnswer(datacentersJson.text(cached.value), cacheHeaders(cached));
}

function nodes(http: HttpRequest, context: HttpContext) {
  return answerRead(http, context, {
    ...CATALOG_READ,
    cached: 'none',
    method: method.CATALOG_LIST_NODES,
    request: ({ datacenter, options }) => ({
      ...options,
      Datacenter: datacenter,
      NodeMetaFilters: nodeMetaFilters(http),
      Source: querySource(http, context.agent.own),
    }),
    answer: shown((reply) => nodesJson.text(reply.Nodes)),
  });
}

function services(http: HttpRequest, context: HttpContext) {
  refuseNamespace(http);
  return answerRead(http, context, {
    ...CATALOG_READ,
    cached: 'offered',
    method: method.CATALOG_LIST_SERVICES,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      NodeMetaFilters: nodeMetaFilters(http),
      Source: querySource(http, context.agent.own),
    }),
    answer: shown((reply) => servicesJson.text(reply.Services)),
  });
}

function instances(kind: 'plain' | 'connect') {
  return async (http: HttpRequest, context: HttpContext) => {
    refuseNamespace(http);
    const name = rest(http.path, `/v1/catalog/${kind === 'plain' ? 'service' : 'connect'}/`);
    return answerRead(http, context, {
      ...CATALOG_READ,
      cached: 'offered',
      method: method.CATALOG_SERVICE_NODES,
      request: (read) => {
        if (name === '') throw badRequest('Missing service name');
        return serviceRequest(http, context, read, name, kind);
      },
      answer: shown((reply) => catalogServicesJson.text(reply.ServiceNodes)),
    });
  };
}

/** The request for the instances of a service, as catalog and health ask it. */
export function serviceRequest(
  http: HttpRequest,
  context: HttpContext,
  read: ReadOptions,
  name: string,
  kind: 'plain' | 'connect' | 'ingress',
): ServiceSpecificRequest {
  const tags = http.query.all('tag');
  return {
    ...read.options,
    Datacenter: read.datacenter,
    NodeMetaFilters: nodeMetaFilters(http),
    ServiceName: name,
    ServiceKind: '',
    ServiceTag: '',
    ServiceTags: tags.length === 0 ? null : tags,
    ServiceAddress: '',
    TagFilter: tags.length > 0,
    Source: querySource(http, context.agent.own),
    Connect: kind === 'connect',
    Ingress: kind === 'ingress',
  };
}

function nodeRequest(read: ReadOptions, node: string): NodeSpecificRequest {
  if (node === '') throw badRequest('Missing node name');
  return { ...read.options, Datacenter: read.datacenter, Node: node };
}

async function node(http: HttpRequest, context: HttpContext) {
  refuseNamespace(http);
  return answerRead(http, context, {
    ...CATALOG_READ,
    cached: 'none',
    method: method.CATALOG_NODE_SERVICES,
    request: (read) => nodeRequest(read, rest(http.path, '/v1/catalog/node/')),
    answer: shown((reply) => nodeServicesJson.text(reply.NodeServices)),
  });
}

async function nodeServiceList(http: HttpRequest, context: HttpContext) {
  refuseNamespace(http);
  return answerRead(http, context, {
    ...CATALOG_READ,
    cached: 'none',
    method: method.CATALOG_NODE_SERVICE_LIST,
    request: (read) => nodeRequest(read, rest(http.path, '/v1/catalog/node-services/')),
    answer: shown((reply) => nodeServiceListJson.text(reply.NodeServices)),
  });
}

/** Ingress and terminating gateways have no bound services here: the list is always `null`. */
async function gatewayServices(http: HttpRequest, context: HttpContext) {
  refuseNamespace(http);
  const name = rest(http.path, '/v1/catalog/gateway-services/');
  return answerRead(http, context, {
    ...CATALOG_READ,
    cached: 'none',
    method: method.CATALOG_GATEWAY_SERVICES,
    request: (read) => {
      if (name === '') throw badRequest('Missing gateway name');
      return serviceRequest(http, context, read, name, 'plain');
    },
    answer: shown(({ Services }) => gatewayServicesJson.text(Services)),
  });
}
