/** `/v1/health/…` */

import { parseGoBool } from '../../go-bool.ts';
import type { CheckServiceNode } from '../../model/catalog.ts';
import { HEALTH_PASSING } from '../../model/health-check.ts';
import * as method from '../../rpc/methods/health.ts';
import type { HttpContext } from '../context.ts';
import { healthCheckJson, serviceEntryJson } from '../json/objects.ts';
import { list } from '../json/output.ts';
import { badRequest, HttpError, type HttpRequest, jsonAnswer } from '../message.ts';
import { nodeMetaFilters, querySource, refuseNamespace } from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Route } from '../router.ts';
import { serviceRequest } from './catalog.ts';
import { rest } from './path.ts';

const checksJson = list(healthCheckJson);
const entriesJson = list(serviceEntryJson);

const CHECKS_READ = { failedMeta: 'none', consistency: 'told', cached: 'none' } as const;

export const HEALTH_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/health/node/', methods: ['GET'], handler: nodeChecks },
  { path: '/v1/health/checks/', methods: ['GET'], handler: serviceChecks },
  { path: '/v1/health/state/', methods: ['GET'], handler: checksInState },
  { path: '/v1/health/service/', methods: ['GET'], handler: instances('plain') },
  { path: '/v1/health/connect/', methods: ['GET'], handler: instances('connect') },
  { path: '/v1/health/ingress/', methods: ['GET'], handler: instances('ingress') },
];

async function nodeChecks(http: HttpRequest, context: HttpContext) {
  refuseNamespace(http);
  const node = rest(http.path, '/v1/health/node/');
  return answerRead(http, context, {
    ...CHECKS_READ,
    method: method.HEALTH_NODE_CHECKS,
    request: ({ datacenter, options }) => {
      if (node === '') throw badRequest('Missing node name');
      return { ...options, Datacenter: datacenter, Node: node };
    },
    answer: shown((reply) => checksJson.text(reply.HealthChecks)),
  });
}

async function serviceChecks(http: HttpRequest, context: HttpContext) {
  refuseNamespace(http);
  const name = rest(http.path, '/v1/health/checks/');
  return answerRead(http, context, {
    ...CHECKS_READ,
    method: method.HEALTH_SERVICE_CHECKS,
    request: (read) => {
      if (name === '') throw badRequest('Missing service name');
      return serviceRequest(http, context, read, name, 'plain');
    },
    answer: shown((reply) => checksJson.text(reply.HealthChecks)),
  });
}

async function checksInState(http: HttpRequest, context: HttpContext) {
  refuseNamespace(http);
  const state = rest(http.path, '/v1/health/state/');
  return answerRead(http, context, {
    ...CHECKS_READ,
    method: method.HEALTH_CHECKS_IN_STATE,
    request: ({ datacenter, options }) => {
      if (state === '') throw badRequest('Missing check state');
      return {
        ...options,
        Datacenter: datacenter,
        NodeMetaFilters: nodeMetaFilters(http),
        State: state,
        Source: querySource(http, context.agent.own),
      };
    },
    answer: shown((reply) => checksJson.text(reply.HealthChecks)),
  });
}

function instances(kind: 'plain' | 'connect' | 'ingress') {
  const prefix = `/v1/health/${kind === 'plain' ? 'service' : kind}/`;
  return async (http: HttpRequest, context: HttpContext) => {
    refuseNamespace(http);
    const name = rest(http.path, prefix);
    return answerRead(http, context, {
      failedMeta: 'none',
      consistency: 'none',
      cached: 'offered',
      method: method.HEALTH_SERVICE_NODES,
      request: (read) => {
        if (name === '') throw badRequest('Missing service name');
        return serviceRequest(http, context, read, name, kind);
      },
      answer: (reply, headers) => {
        const nodes = reply.Nodes ?? [];
        const kept = wantsPassing(http, headers) ? passingOnly(nodes) : nodes;
        return jsonAnswer(entriesJson.text(kept), headers);
      },
    });
  };
}

/** The query has already run when the parameter is looked at, so a refusal has its headers. */
function wantsPassing(http: HttpRequest, headers: Readonly<Record<string, string>>): boolean {
  if (!http.query.has('passing')) return false;
  const text = http.query.get('passing');
  const wanted = text === '' ? true : parseGoBool(text);
  if (wanted === null) throw new HttpError(400, 'Invalid value for ?passing', headers);
  return wanted;
}

/** Keeps entries whose every check passes; like Consul it fills a hole with the last entry. */
function passingOnly(entries: readonly CheckServiceNode[]): readonly CheckServiceNode[] {
  const kept = [...entries];
  let at = 0;
  while (at < kept.length) {
    const checks = kept[at]?.Checks ?? [];
    if (checks.every((check) => check.Status === HEALTH_PASSING)) {
      at += 1;
      continue;
    }
    const last = kept.pop();
    if (at < kept.length && last !== undefined) kept[at] = last;
  }
  return kept;
}
