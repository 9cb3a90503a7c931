/** `/v1/coordinate/…`, reads only. */

import * as method from '../../rpc/methods/coordinate.ts';
import type { HttpContext } from '../context.ts';
import { coordinateJson, datacenterMapJson } from '../json/objects.ts';
import { list } from '../json/output.ts';
import { type HttpAnswer, type HttpRequest, jsonAnswer } from '../message.ts';
import { querySource } from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Route } from '../router.ts';

const mapsJson = list(datacenterMapJson);
const coordinatesJson = list(coordinateJson);

export const COORDINATE_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/coordinate/datacenters', methods: ['GET'], handler: datacenters },
  { path: '/v1/coordinate/nodes', methods: ['GET'], handler: nodes },
];

async function datacenters(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const maps = await context.rpc.call(method.COORDINATE_LIST_DATACENTERS, {}, http.signal);
  return jsonAnswer(mapsJson.text(maps));
}

async function nodes(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  return answerRead(http, context, {
    failedMeta: 'none',
    consistency: 'none',
    cached: 'none',
    method: method.COORDINATE_LIST_NODES,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      NodeMetaFilters: null,
      Source: querySource(http, context.agent.own),
    }),
    answer: shown((reply) => coordinatesJson.text(reply.Coordinates)),
  });
}
