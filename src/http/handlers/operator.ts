/** `/v1/operator/raft/…` and `/v1/operator/autopilot/…` */

import { textOf } from '../../error-text.ts';
import { RaftRemovePeerRequest } from '../../model/operator.ts';
import * as method from '../../rpc/methods/operator.ts';
import type { HttpContext } from '../context.ts';
import {
  autopilotConfigInput,
  autopilotConfigJson,
  autopilotStateJson,
  serverHealthJson,
} from '../json/autopilot.ts';
import { decodeJson } from '../json/input.ts';
import { raftConfigurationJson } from '../json/objects.ts';
import { JsonDecodeError } from '../json/parse.ts';
import {
  emptyAnswer,
  type HttpAnswer,
  type HttpRequest,
  jsonAnswer,
  prefixedBadRequest,
} from '../message.ts';
import { requestToken } from '../options.ts';
import type { Route } from '../router.ts';
import { casIndex } from './kv.ts';
import { plainRequest } from './status.ts';

export const OPERATOR_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/operator/raft/configuration', methods: ['GET'], handler: raftConfiguration },
  { path: '/v1/operator/raft/peer', methods: ['DELETE'], handler: removePeer },
  {
    path: '/v1/operator/autopilot/configuration',
    methods: ['GET', 'PUT'],
    handler: autopilotConfiguration,
  },
  { path: '/v1/operator/autopilot/health', methods: ['GET'], handler: serverHealth },
  { path: '/v1/operator/autopilot/state', methods: ['GET'], handler: autopilotState },
];

async function raftConfiguration(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const request = plainRequest(http, context);
  const reply = await context.rpc.call(
    method.OPERATOR_RAFT_GET_CONFIGURATION,
    request,
    http.signal,
  );
  return jsonAnswer(raftConfigurationJson.text(reply));
}

async function removePeer(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const { query } = http;
  const request = RaftRemovePeerRequest.of({
    ...writeFields(http, context),
    ID: query.get('id'),
    Address: query.get('address'),
  });
  if (request.ID === '' && request.Address === '') {
    throw prefixedBadRequest(
      "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
    );
  }
  if (request.ID !== '' && request.Address !== '') {
    throw prefixedBadRequest('Must specify only one of ?id or ?address');
  }
  const by =
    request.ID === ''
      ? method.OPERATOR_RAFT_REMOVE_PEER_BY_ADDRESS
      : method.OPERATOR_RAFT_REMOVE_PEER_BY_ID;
  await context.rpc.call(by, request, http.signal);
  return emptyAnswer();
}

async function autopilotConfiguration(
  http: HttpRequest,
  context: HttpContext,
): Promise<HttpAnswer> {
  if (http.method === 'PUT') return setAutopilotConfiguration(http, context);
  const reply = await context.rpc.call(
    method.OPERATOR_AUTOPILOT_GET_CONFIGURATION,
    plainRequest(http, context),
    http.signal,
  );
  return jsonAnswer(autopilotConfigJson.text(reply));
}

async function setAutopilotConfiguration(
  http: HttpRequest,
  context: HttpContext,
): Promise<HttpAnswer> {
  const config = decodedConfig((await http.body()).toString('utf8'));
  const cas = http.query.has('cas') ? wantedIndex(http) : null;
  const applied = await context.rpc.call(
    method.OPERATOR_AUTOPILOT_SET_CONFIGURATION,
    {
      ...writeFields(http, context),
      Config: { ...config, CreateIndex: 0, ModifyIndex: cas ?? 0 },
      CAS: cas !== null,
    },
    http.signal,
  );
  return jsonAnswer(cas === null || applied ? 'true' : 'false');
}

function writeFields(http: HttpRequest, context: HttpContext) {
  return {
    Datacenter: http.query.get('dc') || context.agent.own.datacenter,
    Token: requestToken(http) || context.agent.defaultToken(),
  };
}

function decodedConfig(text: string) {
  try {
    return decodeJson(autopilotConfigInput, text);
  } catch (error) {
    if (!(error instanceof JsonDecodeError)) throw error;
    throw prefixedBadRequest(`Error parsing autopilot config: ${error.message}`);
  }
}

function wantedIndex({ query }: HttpRequest): number {
  try {
    return casIndex(query.get('cas'));
  } catch (error) {
    throw prefixedBadRequest(`Error parsing cas value: ${textOf(error)}`);
  }
}

async function serverHealth(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const request = plainRequest(http, context);
  const reply = await context.rpc.call(method.OPERATOR_SERVER_HEALTH, request, http.signal);
  return jsonAnswer(serverHealthJson.text(reply), {}, reply.Healthy ? 200 : 429);
}

async function autopilotState(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const request = plainRequest(http, context);
  const reply = await context.rpc.call(method.OPERATOR_AUTOPILOT_STATE, request, http.signal);
  return jsonAnswer(autopilotStateJson.text(reply));
}
