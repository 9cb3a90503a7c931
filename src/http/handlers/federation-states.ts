/** `/v1/internal/federation-states…` */

import * as method from '../../rpc/methods/federation-state.ts';
import type { HttpContext } from '../context.ts';
import {
  federationStateJson,
  federationStateResponseJson,
  meshGatewayEntryJson,
} from '../json/objects.ts';
import { list, map } from '../json/output.ts';
import {
  emptyAnswer,
  type HttpAnswer,
  type HttpRequest,
  jsonAnswer,
  prefixedBadRequest,
} from '../message.ts';
import { querySource, type ReadOptions } from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Route } from '../router.ts';
import { rest } from './path.ts';

const statesJson = list(federationStateJson);
const gatewaysJson = map(list(meshGatewayEntryJson), '{}');
const STATES_READ = { failedMeta: 'told', consistency: 'none', cached: 'none' } as const;

export const FEDERATION_STATE_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/internal/federation-states', methods: ['GET'], handler: states },
  { path: '/v1/internal/federation-states/mesh-gateways', methods: ['GET'], handler: gateways },
  { path: '/v1/internal/federation-state/', methods: ['GET'], handler: state },
];

function listRequest(http: HttpRequest, context: HttpContext) {
  return ({ datacenter, options }: ReadOptions) => ({
    ...options,
    Filter: '',
    Datacenter: datacenter,
    NodeMetaFilters: null,
    Source: querySource(http, context.agent.own),
  });
}

async function states(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...STATES_READ,
    method: method.FEDERATION_STATE_LIST,
    request: listRequest(http, context),
    answer: shown((reply) => statesJson.text(reply.States)),
  });
}

async function gateways(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...STATES_READ,
    method: method.FEDERATION_STATE_LIST_MESH_GATEWAYS,
    request: listRequest(http, context),
    answer: shown((reply) => gatewaysJson.text(reply.DatacenterNodes)),
  });
}

async function state(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const name = rest(http.path, '/v1/internal/federation-state/');
  if (name === '') throw prefixedBadRequest('Missing datacenter name');
  if (name.includes('/')) return emptyAnswer(404);
  return answerRead(http, context, {
    ...STATES_READ,
    failedMeta: 'none',
    method: method.FEDERATION_STATE_GET,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: name,
      TargetDatacenter: datacenter,
    }),
    answer: (reply, headers) =>
      reply.State === null
        ? emptyAnswer(404)
        : jsonAnswer(federationStateResponseJson.text(reply), headers),
  });
}
