/** `/v1/session/…` */

import { SERF_HEALTH_CHECK_ID } from '../../model/health-check.ts';
import type { Session } from '../../model/session.ts';
import * as method from '../../rpc/methods/session.ts';
import type { HttpContext } from '../context.ts';
import { type SessionCreate, sessionCreateInput } from '../json/bodies.ts';
import { jsonString } from '../json/escape.ts';
import { sessionJson } from '../json/objects.ts';
import { list } from '../json/output.ts';
import {
  badRequest,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import { readOptions, refuseNamespace, requestToken } from '../options.ts';
import { answerRead, shown, withDefaultToken } from '../read.ts';
import type { Route } from '../router.ts';
import { decodedBody } from './body.ts';
import { rest } from './path.ts';

const sessionsJson = list(sessionJson);
const SESSION_READ = { failedMeta: 'none', consistency: 'none', cached: 'none' } as const;

export const SESSION_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/session/create', methods: ['PUT'], handler: create },
  { path: '/v1/session/destroy/', methods: ['PUT'], handler: destroy },
  { path: '/v1/session/renew/', methods: ['PUT'], handler: renew },
  { path: '/v1/session/info/', methods: ['GET'], handler: info },
  { path: '/v1/session/node/', methods: ['GET'], handler: ofNode },
  { path: '/v1/session/list', methods: ['GET'], handler: all },
];

async function create(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  // A chunked body has no length, and is taken for none: so do the clients' libraries know it.
  const body =
    (http.contentLength ?? 0) > 0
      ? await decodedBody(http, sessionCreateInput)
      : sessionCreateInput.zero();
  const id = await context.rpc.call(
    method.SESSION_APPLY,
    {
      Datacenter: http.query.get('dc') || context.agent.own.datacenter,
      Op: 'create',
      Session: sessionOf(body, context.agent.own.node),
      Token: requestToken(http) || context.agent.defaultToken(),
    },
    http.signal,
  );
  return jsonAnswer(`{"ID":${jsonString(id)}}`);
}

function sessionOf(body: SessionCreate, ownNode: string): Session {
  const nodeChecks = body.Checks ?? body.NodeChecks ?? undefined;
  return {
    ID: '',
    Name: body.Name,
    Node: body.Node ?? ownNode,
    LockDelay: body.LockDelay,
    Behavior: body.Behavior || 'release',
    TTL: body.TTL,
    NodeChecks: nodeChecks === undefined ? [SERF_HEALTH_CHECK_ID] : nodeChecks,
    ServiceChecks: body.ServiceChecks,
    Checks: null,
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

async function destroy(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const id = sessionId(http, '/v1/session/destroy/');
  const zero = { ...sessionOf(sessionCreateInput.zero(), ''), NodeChecks: null };
  await context.rpc.call(
    method.SESSION_APPLY,
    {
      Datacenter: http.query.get('dc') || context.agent.own.datacenter,
      Op: 'destroy',
      Session: { ...zero, ID: id, LockDelay: 0, Behavior: '' },
      Token: requestToken(http) || context.agent.defaultToken(),
    },
    http.signal,
  );
  return jsonAnswer('true');
}

async function renew(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const id = sessionId(http, '/v1/session/renew/');
  const { datacenter, options } = withDefaultToken(readOptions(http, context.agent.own), context);
  const { Sessions } = await context.rpc.call(
    method.SESSION_RENEW,
    { ...options, Datacenter: datacenter, SessionID: id, Session: '' },
    http.signal,
  );
  if (Sessions === null || Sessions.length === 0) {
    throw new HttpError(404, `Session id '${id}' not found`);
  }
  return jsonAnswer(sessionsJson.text(Sessions));
}

async function info(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  return answerRead(http, context, {
    ...SESSION_READ,
    failedMeta: 'told',
    method: method.SESSION_GET,
    request: ({ datacenter, options }) => ({
      ...options,
      Datacenter: datacenter,
      SessionID: sessionId(http, '/v1/session/info/'),
      Session: '',
    }),
    answer: shown((reply) => sessionsJson.text(reply.Sessions)),
  });
}

async function ofNode(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const node = rest(http.path, '/v1/session/node/');
  return answerRead(http, context, {
    ...SESSION_READ,
    method: method.SESSION_NODE_SESSIONS,
    request: ({ datacenter, options }) => {
      if (node === '') throw badRequest('Missing node name');
      return { ...options, Datacenter: datacenter, Node: node };
    },
    answer: shown((reply) => sessionsJson.text(reply.Sessions)),
  });
}

async function all(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  return answerRead(http, context, {
    ...SESSION_READ,
    method: method.SESSION_LIST,
    request: ({ datacenter, options }) => ({
      ...options,
      Datacenter: datacenter,
      SessionID: '',
      Session: '',
    }),
    answer: shown((reply) => sessionsJson.text(reply.Sessions)),
  });
}

function sessionId(http: HttpRequest, prefix: string): string {
  const id = rest(http.path, prefix);
  if (id === '') throw badRequest('Missing session');
  return id;
}
