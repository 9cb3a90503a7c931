/** `/v1/connect/ca/roots`, and the same through the agent's cache for proxies beside it. */

import { parseGoBool } from '../../go-bool.ts';
import type { CAConfiguration, CARoot, IndexedCARoots } from '../../model/connect-ca.ts';
import { CONNECT_CA_CONFIGURATION_GET, CONNECT_CA_ROOTS } from '../../rpc/methods/connect-ca.ts';
import { isZeroTime } from '../../wire/msgpack/time.ts';
import type { HttpContext } from '../context.ts';
import { any, bool, int, list, map, nullable, object, omit, str, time } from '../json/output.ts';
import { type HttpAnswer, type HttpRequest, jsonAnswer, prefixedBadRequest } from '../message.ts';
import { querySource, type ReadOptions, readOptions } from '../options.ts';
import { answerRead, shown, withDefaultToken } from '../read.ts';
import type { Route } from '../router.ts';

export const CONNECT_CA_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/connect/ca/roots', methods: ['GET'], handler: roots },
  { path: '/v1/connect/ca/configuration', methods: ['GET'], handler: configuration },
  { path: '/v1/agent/connect/ca/roots', methods: ['GET'], handler: agentRoots },
];

const rootJson = object<CARoot>({
  ID: str,
  Name: str,
  SerialNumber: int,
  SigningKeyID: str,
  ExternalTrustDomain: str,
  NotBefore: time,
  NotAfter: time,
  RootCert: str,
  IntermediateCerts: list(str, 'null'),
  Active: bool,
  RotatedOutAt: omit({ text: time.text, isEmpty: isZeroTime }),
  PrivateKeyType: str,
  PrivateKeyBits: int,
  CreateIndex: int,
  ModifyIndex: int,
});

const rootsJson = object<IndexedCARoots>({
  ActiveRootID: str,
  TrustDomain: str,
  Roots: list(rootJson),
});

async function roots(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const asPem = http.query.get('pem') === '' ? false : parseGoBool(http.query.get('pem'));
  if (asPem === null) {
    throw prefixedBadRequest("The 'pem' query parameter must be a boolean value");
  }
  return answerRead(http, context, {
    ...rootsRead(http, context),
    failedMeta: 'told',
    cached: 'none',
    answer: (reply, headers) => (asPem ? pemAnswer(reply) : shownRoots(reply, headers)),
  });
}

async function agentRoots(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...rootsRead(http, context),
    failedMeta: 'none',
    cached: 'always',
    answer: shownRoots,
  });
}

function rootsRead(http: HttpRequest, context: HttpContext) {
  return {
    consistency: 'none',
    method: CONNECT_CA_ROOTS,
    request: ({ datacenter, options }: ReadOptions) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      NodeMetaFilters: null,
      Source: querySource(http, context.agent.own),
    }),
  } as const;
}

const shownRoots = shown((reply: IndexedCARoots) => rootsJson.text(reply));

function pemAnswer({ Roots }: IndexedCARoots): HttpAnswer {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/pem-certificate-chain' },
    body: (Roots ?? []).map(({ RootCert }) => RootCert).join(''),
  };
}

const configurationJson = object<CAConfiguration>({
  Provider: str,
  Config: map(any),
  State: nullable(map(str)),
  ForceWithoutCrossSigning: bool,
  CreateIndex: int,
  ModifyIndex: int,
});

async function configuration(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const { datacenter, options } = withDefaultToken(readOptions(http, context.agent.own), context);
  const request = {
    ...options,
    Datacenter: datacenter,
    NodeMetaFilters: null,
    Source: querySource(http, context.agent.own),
  };
  const answer = await context.rpc.call(CONNECT_CA_CONFIGURATION_GET, request, http.signal);
  return jsonAnswer(configurationJson.text(answer));
}
