/** `/v1/status/…` and the index page. */

import type { DCSpecificRequest } from '../../model/blocks.ts';
import { STATUS_LEADER, STATUS_PEERS } from '../../rpc/methods/status.ts';
import type { HttpContext } from '../context.ts';
import { list, str } from '../json/output.ts';
import {
  emptyAnswer,
  type HttpAnswer,
  type HttpRequest,
  jsonAnswer,
  textAnswer,
} from '../message.ts';
import { querySource, readOptions } from '../options.ts';
import { withDefaultToken } from '../read.ts';
import type { Route } from '../router.ts';

const peersJson = list(str);

export const STATUS_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/', methods: ['GET'], handler: index },
  { path: '/v1/status/leader', methods: ['GET'], handler: leader },
  { path: '/v1/status/peers', methods: ['GET'], handler: peers },
];

async function index(http: HttpRequest): Promise<HttpAnswer> {
  return http.path === '/' ? textAnswer(200, 'Consul Agent') : emptyAnswer(404);
}

/** A request without filters; `index` and `wait` mean nothing to these routes. */
export function plainRequest(http: HttpRequest, context: HttpContext): DCSpecificRequest {
  const { datacenter, options } = withDefaultToken(readOptions(http, context.agent.own), context);
  return {
    ...options,
    MinQueryIndex: 0,
    MaxQueryTime: 0,
    Filter: '',
    Datacenter: datacenter,
    NodeMetaFilters: null,
    Source: querySource(http, context.agent.own),
  };
}

async function leader(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const address = await context.rpc.call(STATUS_LEADER, plainRequest(http, context), http.signal);
  return jsonAnswer(str.text(address));
}

async function peers(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const addresses = await context.rpc.call(STATUS_PEERS, plainRequest(http, context), http.signal);
  return jsonAnswer(peersJson.text(addresses));
}
