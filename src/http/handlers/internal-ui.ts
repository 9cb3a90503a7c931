/** `/v1/internal/ui/…`: nodes as the UI lists them. There is no UI here, so that nothing is proxied. */

import { INTERNAL_NODE_DUMP, INTERNAL_NODE_INFO } from '../../rpc/methods/internal.ts';
import type { HttpContext } from '../context.ts';
import { nodeInfoJson } from '../json/objects.ts';
import { list } from '../json/output.ts';
import {
  badRequest,
  emptyAnswer,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import { querySource, refuseNamespace } from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Route } from '../router.ts';
import { rest } from './path.ts';

const NODE = '/v1/internal/ui/node/';
const UI_READ = { failedMeta: 'told', consistency: 'none', cached: 'none' } as const;

const nodesJson = list(nodeInfoJson);

export const INTERNAL_UI_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/internal/ui/nodes', methods: ['GET'], handler: nodes },
  { path: NODE, methods: ['GET'], handler: node },
  { path: '/v1/internal/ui/metrics-proxy/', methods: ['GET'], handler: metricsProxy },
];

async function nodes(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  return answerRead(http, context, {
    ...UI_READ,
    method: INTERNAL_NODE_DUMP,
    request: ({ datacenter, options }) => ({
      ...options,
      Datacenter: datacenter,
      NodeMetaFilters: null,
      Source: querySource(http, context.agent.own),
    }),
    answer: shown(({ Dump }) => nodesJson.text(Dump)),
  });
}

async function node(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const Node = rest(http.path, NODE);
  if (Node === '') throw badRequest('Missing node name');
  return answerRead(http, context, {
    ...UI_READ,
    method: INTERNAL_NODE_INFO,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      Node,
    }),
    answer: ({ Dump }, headers) => {
      const [found] = Dump ?? [];
      if (found === undefined) return emptyAnswer(404);
      return jsonAnswer(nodeInfoJson.text(found), headers);
    },
  });
}

async function metricsProxy(): Promise<never> {
  throw new HttpError(404, 'UI is not enabled');
}
