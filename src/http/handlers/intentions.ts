/** `/v1/connect/intentions…`: who may connect to whom. */

import { Intention, IntentionQueryRequest, IntentionRequest } from '../../model/intention.ts';
import { uuidComplaint } from '../../model/uuid.ts';
import * as method from '../../rpc/methods/intention.ts';
import type { HttpContext } from '../context.ts';
import type { InputOf } from '../json/input.ts';
import { intentionInput, intentionJson } from '../json/intention.ts';
import { bool, list, map, object, str } from '../json/output.ts';
import {
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
  prefixedBadRequest,
} from '../message.ts';
import { refuseNamespace, requestToken } from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Route } from '../router.ts';
import { decodedText, prefixedBody } from './body.ts';
import { rest } from './path.ts';

const BY_ID = '/v1/connect/intentions/';
const NOT_FOUND = 'Intention not found';
const NAMESPACE = 'default';

const listJson = list(intentionJson);
const matchesJson = map(list(intentionJson, 'null'));
const createdJson = object({ ID: str });
const decisionJson = object({ Allowed: bool });

export const INTENTION_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/connect/intentions', methods: ['GET', 'POST'], handler: all },
  { path: '/v1/connect/intentions/match', methods: ['GET'], handler: match },
  { path: '/v1/connect/intentions/check', methods: ['GET'], handler: check },
  { path: '/v1/connect/intentions/exact', methods: ['GET', 'PUT', 'DELETE'], handler: exact },
  { path: BY_ID, methods: ['GET', 'PUT', 'DELETE'], handler: byId },
];

async function all(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  if (http.method === 'POST') return create(http, context);
  return answerRead(http, context, {
    failedMeta: 'told',
    consistency: 'none',
    cached: 'none',
    method: method.INTENTION_LIST,
    request: ({ datacenter, options }) => ({ ...options, Datacenter: datacenter, Legacy: false }),
    answer: shown(({ Intentions }) => listJson.text(Intentions)),
  });
}

async function create(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const ID = await write(http, context, 'create', await legacyBody(http));
  return jsonAnswer(createdJson.text({ ID }));
}

/** Here alone a body that cannot be read is the server's error. */
async function legacyBody(http: HttpRequest): Promise<Partial<Intention>> {
  const refusal = (text: string): HttpError =>
    new HttpError(500, text.replace(/^Request decode failed/, 'Failed to decode request body'));
  const body = decodedText((await http.body()).toString('utf8'), intentionInput, refusal);
  for (const side of ['SourceNS', 'DestinationNS'] as const) {
    if (body[side] !== '' && body[side] !== NAMESPACE) {
      throw prefixedBadRequest(
        `Invalid ${side}(${body[side]}): Namespaces is a Consul Enterprise feature`,
      );
    }
  }
  return fieldsOf(body);
}

function fieldsOf(body: InputOf<typeof intentionInput>): Partial<Intention> {
  const { ID, Description, SourceName, DestinationName, SourceType, Action } = body;
  const { Permissions, Meta } = body;
  const texts = { ID, Description, SourceName, DestinationName, SourceType, Action };
  return { ...texts, Permissions, Meta, SourceNS: NAMESPACE, DestinationNS: NAMESPACE };
}

async function byId(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const ID = rest(http.path, BY_ID);
  if (http.method === 'PUT') {
    const wish = { ...(await legacyBody(http)), ID };
    return jsonAnswer(createdJson.text({ ID: await write(http, context, 'update', wish) }));
  }
  if (http.method === 'DELETE') {
    await write(http, context, 'delete', { ID });
    return jsonAnswer('true');
  }
  if (uuidComplaint(ID) !== null) {
    throw prefixedBadRequest('failed config entry lookup: index error: UUID must be 36 characters');
  }
  return one(http, context, { IntentionID: ID });
}

async function exact(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const names = namesOf(http);
  if (http.method === 'GET') return one(http, context, { Exact: names });
  if (http.method === 'DELETE') {
    await write(http, context, 'delete', names);
    return jsonAnswer('true');
  }
  const body = fieldsOf(await prefixedBody(http, intentionInput));
  await write(http, context, 'upsert', { ...body, ...names, ID: '' });
  return jsonAnswer('true');
}

async function one(
  http: HttpRequest,
  context: HttpContext,
  wanted: Partial<IntentionQueryRequest>,
): Promise<HttpAnswer> {
  try {
    return await answerRead(http, context, {
      failedMeta: 'none',
      consistency: 'none',
      cached: 'none',
      method: method.INTENTION_GET,
      request: ({ datacenter, options }) =>
        IntentionQueryRequest.of({ ...options, Filter: '', Datacenter: datacenter, ...wanted }),
      answer: ({ Intentions }) => {
        const [found] = Intentions ?? [];
        if (found === undefined) throw new HttpError(404, NOT_FOUND);
        return jsonAnswer(intentionJson.text(found));
      },
    });
  } catch (error) {
    // Clients of older servers look for this text behind whatever hops have put before it.
    if (error instanceof Error && error.message.endsWith(NOT_FOUND)) {
      throw new HttpError(404, NOT_FOUND);
    }
    throw error;
  }
}

async function match(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  if (!http.query.has('by')) throw new Error("required query parameter 'by' not set");
  const by = http.query.get('by');
  if (by !== 'source' && by !== 'destination') {
    throw new Error("'by' parameter must be one of 'source' or 'destination'");
  }
  const names = http.query.all('name');
  if (names.length === 0) throw new Error("required query parameter 'name' not set");
  const Entries = names.map((name) => ({ Namespace: NAMESPACE, Name: nameIn('name', name) }));
  return answerRead(http, context, {
    failedMeta: 'told',
    consistency: 'told',
    cached: 'offered',
    method: method.INTENTION_MATCH,
    request: ({ datacenter, options }) =>
      IntentionQueryRequest.of({
        ...options,
        Filter: '',
        Datacenter: datacenter,
        Match: { Type: by, Entries },
      }),
    answer: shown(({ Matches }) =>
      matchesJson.text(
        Object.fromEntries(
          names.map((name, at) => {
            const found = Matches?.[at] ?? [];
            return [name, found.length === 0 ? null : found] as const;
          }),
        ),
      ),
    ),
  });
}

async function check(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const names = namesOf(http);
  const request = IntentionQueryRequest.of({
    Datacenter: http.query.get('dc') || context.agent.own.datacenter,
    Token: requestToken(http) || context.agent.defaultToken(),
    Check: { ...names, SourceType: http.query.get('source-type') || 'consul' },
  });
  return jsonAnswer(
    decisionJson.text(await context.rpc.call(method.INTENTION_CHECK, request, http.signal)),
  );
}

/** `?source=` and `?destination=`, each a name or `default/<name>`. */
function namesOf({ query }: HttpRequest) {
  const [source, destination] = (['source', 'destination'] as const).map((side) => {
    const values = query.all(side);
    if (values.length !== 1 || values[0] === '') {
      throw new Error(`required query parameter '${side}' not set`);
    }
    return nameIn(side, query.get(side));
  });
  return {
    SourceNS: NAMESPACE,
    SourceName: source ?? '',
    DestinationNS: NAMESPACE,
    DestinationName: destination ?? '',
  };
}

function nameIn(parameter: string, text: string): string {
  const [first = '', second, ...more] = text.split('/');
  if (more.length > 0) {
    throw new Error(
      `${parameter} ${JSON.stringify(text)} is invalid: input can contain at most one '/'`,
    );
  }
  return second ?? first;
}

function write(
  http: HttpRequest,
  context: HttpContext,
  op: string,
  intention: Partial<Intention>,
): Promise<string> {
  const request = IntentionRequest.of({
    Datacenter: http.query.get('dc') || context.agent.own.datacenter,
    Op: op,
    Token: requestToken(http) || context.agent.defaultToken(),
    Intention: Intention.of(intention),
  });
  return context.rpc.call(method.INTENTION_APPLY, request, http.signal);
}
