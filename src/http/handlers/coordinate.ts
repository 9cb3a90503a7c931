/** `/v1/coordinate/…` */

import * as method from '../../rpc/methods/coordinate.ts';
import type { HttpContext } from '../context.ts';
import { coordinateUpdateInput } from '../json/coordinate-bodies.ts';
import { coordinateJson, datacenterMapJson } from '../json/objects.ts';
import { list } from '../json/output.ts';
import {
  emptyAnswer,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import { querySource, requestToken } from '../options.ts';
import { answerRead } from '../read.ts';
import type { Route } from '../router.ts';
import { decodedBody } from './body.ts';
import { rest } from './path.ts';

const mapsJson = list(datacenterMapJson);
const coordinatesJson = list(coordinateJson);
const COORDINATE_READ = { failedMeta: 'none', consistency: 'none', cached: 'none' } as const;

export const COORDINATE_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/coordinate/datacenters', methods: ['GET'], handler: whenEnabled(datacenters) },
  { path: '/v1/coordinate/nodes', methods: ['GET'], handler: whenEnabled(nodes) },
  { path: '/v1/coordinate/node/', methods: ['GET'], handler: whenEnabled(node) },
  { path: '/v1/coordinate/update', methods: ['PUT'], handler: whenEnabled(update) },
];

type Handler = (http: HttpRequest, context: HttpContext) => Promise<HttpAnswer>;

function whenEnabled(handler: Handler): Handler {
  return async (http, context) => {
    if (context.coordinates === 'disabled') throw new HttpError(401, 'Coordinate support disabled');
    return handler(http, context);
  };
}

async function datacenters(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const maps = await context.rpc.call(method.COORDINATE_LIST_DATACENTERS, {}, http.signal);
  return jsonAnswer(mapsJson.text(maps));
}

/** Whether an entry is of the segment asked for, if one was asked for. */
function segmentFilter(http: HttpRequest): (entry: { readonly Segment: string }) => boolean {
  if (!http.query.has('segment')) return () => true;
  const segment = http.query.get('segment');
  return (entry) => entry.Segment === segment;
}

async function nodes(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...COORDINATE_READ,
    method: method.COORDINATE_LIST_NODES,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      NodeMetaFilters: null,
      Source: querySource(http, context.agent.own),
    }),
    answer: (reply, headers) => {
      const found = (reply.Coordinates ?? []).filter(segmentFilter(http));
      return jsonAnswer(coordinatesJson.text(found), headers);
    },
  });
}

async function node(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...COORDINATE_READ,
    method: method.COORDINATE_NODE,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      Node: rest(http.path, '/v1/coordinate/node/'),
    }),
    answer: (reply, headers) => {
      const found = (reply.Coordinates ?? []).filter(segmentFilter(http));
      if (found.length === 0) return emptyAnswer(404);
      return jsonAnswer(coordinatesJson.text(found), headers);
    },
  });
}

async function update(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const body = await decodedBody(http, coordinateUpdateInput);
  await context.rpc.call(
    method.COORDINATE_UPDATE,
    {
      ...body,
      Datacenter: http.query.get('dc') || body.Datacenter || context.agent.own.datacenter,
      Token: requestToken(http) || context.agent.defaultToken(),
    },
    http.signal,
  );
  return emptyAnswer();
}
