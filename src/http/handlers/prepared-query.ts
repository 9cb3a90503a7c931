/** `/v1/query…` */

import { textOf } from '../../error-text.ts';
import { parseGoBool } from '../../go-bool.ts';
import type { PreparedQuery, PreparedQueryExecuteRequest } from '../../model/prepared-query.ts';
import * as method from '../../rpc/methods/prepared-query.ts';
import type { HttpContext } from '../context.ts';
import { jsonString } from '../json/escape.ts';
import { list } from '../json/output.ts';
import {
  EMPTY_QUERY,
  preparedQueryInput,
  preparedQueryJson,
  queryExecuteJson,
  queryExplainJson,
} from '../json/prepared-query.ts';
import {
  emptyAnswer,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import {
  consistencyLevel,
  querySource,
  type ReadOptions,
  requestToken,
  sourceAddress,
} from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Method, Route } from '../router.ts';
import { decodedBody } from './body.ts';
import { rest } from './path.ts';

const queriesJson = list(preparedQueryJson);
const QUERY_READ = { failedMeta: 'told', consistency: 'told', cached: 'none' } as const;

export const PREPARED_QUERY_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/query', methods: ['GET', 'POST'], handler: all },
  {
    path: '/v1/query/',
    methods: ['GET', 'PUT', 'DELETE'],
    methodsAt: (path) => (verbOf(path) === null ? ONE_QUERY : RUNS),
    handler: one,
  },
];

const ONE_QUERY: readonly Method[] = ['GET', 'PUT', 'DELETE'];
const RUNS: readonly Method[] = ['GET'];

/** What a path does with a query beyond reading and writing it. */
function verbOf(path: string): 'execute' | 'explain' | null {
  if (path.endsWith('/execute')) return 'execute';
  return path.endsWith('/explain') ? 'explain' : null;
}

async function all(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  if (http.method === 'POST') return create(http, context);
  return answerRead(http, context, {
    ...QUERY_READ,
    method: method.PREPARED_QUERY_LIST,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      NodeMetaFilters: null,
      Source: querySource(http, context.agent.own),
    }),
    answer: shown((reply) => queriesJson.text(reply.Queries)),
  });
}

async function one(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const below = rest(http.path, '/v1/query/');
  const verb = verbOf(http.path);
  const id = verb === null ? below : below.slice(0, -verb.length - 1);
  if (http.method === 'PUT') return update(http, context, id);
  if (http.method === 'DELETE') {
    await apply(http, context, 'delete', { ...EMPTY_QUERY, ID: id });
    return emptyAnswer();
  }
  try {
    if (verb === 'execute') return await execute(http, context, id);
    return await (verb === 'explain' ? explain(http, context, id) : get(http, context, id));
  } catch (error) {
    const text = textOf(error);
    // The text may come from another server, with the hops before it.
    if (!text.includes(method.QUERY_NOT_FOUND)) throw error;
    throw new HttpError(404, text);
  }
}

async function create(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const query = await decodedBody(http, preparedQueryInput);
  const id = await apply(http, context, 'create', query);
  return jsonAnswer(`{"ID":${jsonString(id)}}`);
}

async function update(http: HttpRequest, context: HttpContext, id: string): Promise<HttpAnswer> {
  // A chunked body has no length, and is taken for none: so do the clients' libraries know it.
  const sent = (http.contentLength ?? 0) > 0;
  const query = sent ? await decodedBody(http, preparedQueryInput) : EMPTY_QUERY;
  await apply(http, context, 'update', { ...query, ID: id });
  return emptyAnswer();
}

function apply(
  http: HttpRequest,
  context: HttpContext,
  op: 'create' | 'update' | 'delete',
  query: PreparedQuery,
): Promise<string> {
  return context.rpc.call(
    method.PREPARED_QUERY_APPLY,
    {
      Datacenter: http.query.get('dc') || context.agent.own.datacenter,
      Op: op,
      Query: query,
      Token: requestToken(http) || context.agent.defaultToken(),
    },
    http.signal,
  );
}

function get(http: HttpRequest, context: HttpContext, id: string): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...QUERY_READ,
    method: method.PREPARED_QUERY_GET,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      QueryID: id,
    }),
    answer: shown((reply) => queriesJson.text(reply.Queries)),
  });
}

function execute(http: HttpRequest, context: HttpContext, name: string): Promise<HttpAnswer> {
  let level = '';
  return answerRead(http, context, {
    ...QUERY_READ,
    cached: 'offered, without waiting',
    method: method.PREPARED_QUERY_EXECUTE,
    request: (read) => {
      level = consistencyLevel(read.options);
      return { ...runRequest(http, context, read, name), Connect: wantsConnect(http) };
    },
    answer: shown((reply) => queryExecuteJson.text({ ...reply, ConsistencyLevel: level })),
  });
}

function explain(http: HttpRequest, context: HttpContext, name: string): Promise<HttpAnswer> {
  let level = '';
  return answerRead(http, context, {
    ...QUERY_READ,
    method: method.PREPARED_QUERY_EXPLAIN,
    request: (read) => {
      level = consistencyLevel(read.options);
      return runRequest(http, context, read, name);
    },
    answer: shown((reply) => queryExplainJson.text({ ...reply, ConsistencyLevel: level })),
  });
}

/** Running a query never waits for a change. */
function runRequest(
  http: HttpRequest,
  context: HttpContext,
  { datacenter, options }: ReadOptions,
  name: string,
): PreparedQueryExecuteRequest {
  const { own } = context.agent;
  return {
    ...options,
    MinQueryIndex: 0,
    MaxQueryTime: 0,
    Filter: '',
    Datacenter: datacenter,
    QueryIDOrName: name,
    Limit: limit(http),
    Connect: false,
    Source: { ...querySource(http, own), Ip: sourceAddress(http) },
    Agent: { Datacenter: own.datacenter, Segment: own.segment, Node: own.node, Ip: '' },
  };
}

/** A bad number is the server's error here. */
function limit({ query }: HttpRequest): number {
  const text = query.get('limit');
  if (text === '') return 0;
  if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new HttpError(
    500,
    `Bad limit: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function wantsConnect({ query }: HttpRequest): boolean {
  const text = query.get('connect');
  if (text === '') return false;
  const wanted = parseGoBool(text);
  if (wanted !== null) return wanted;
  const cause = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new HttpError(500, `Error parsing 'connect' value: ${cause}`);
}
