/** `/v1/kv/…` */

import type { DirEntry, KVOp } from '../../model/kv.ts';
import * as method from '../../rpc/methods/kvs.ts';
import type { HttpContext } from '../context.ts';
import { kvPairJson } from '../json/objects.ts';
import { list, str } from '../json/output.ts';
import {
  badRequest,
  emptyAnswer,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import { refuseNamespace, requestToken } from '../options.ts';
import { answerRead } from '../read.ts';
import type { Route } from '../router.ts';
import { sniffedType } from './content-type.ts';
import { rest } from './path.ts';

const pairsJson = list(kvPairJson);
const keysJson = list(str);

const KV_READ = { failedMeta: 'none', consistency: 'none', cached: 'none' } as const;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

export const KV_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/kv/', methods: ['GET', 'PUT', 'DELETE'], handler: kv },
];

async function kv(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const key = rest(http.path, '/v1/kv/');
  if (http.method === 'PUT') return put(http, context, key);
  if (http.method === 'DELETE') return remove(http, context, key);
  if (http.query.has('keys')) return keys(http, context, key);
  return http.query.has('recurse') ? recurse(http, context, key) : get(http, context, key);
}

function get(http: HttpRequest, context: HttpContext, key: string): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...KV_READ,
    method: method.KVS_GET,
    request: ({ datacenter, options }) => {
      if (key === '') throw badRequest('Missing key name');
      return { ...options, Filter: '', Datacenter: datacenter, Key: key };
    },
    answer: ({ Entries }, headers) => {
      const entry = Entries?.[0];
      if (entry === undefined) return emptyAnswer(404, headers);
      if (http.query.has('raw')) return rawAnswer(entry, headers);
      return jsonAnswer(pairsJson.text([entry]), headers);
    },
  });
}

function rawAnswer(entry: DirEntry, headers: Readonly<Record<string, string>>): HttpAnswer {
  const value = entry.Value ?? Buffer.alloc(0);
  if (value.length === 0) return emptyAnswer(200, headers);
  return {
    status: 200,
    headers: { ...headers, 'Content-Type': sniffedType(value) },
    body: value,
  };
}

function recurse(http: HttpRequest, context: HttpContext, prefix: string): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...KV_READ,
    method: method.KVS_LIST,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      Key: prefix,
    }),
    answer: ({ Entries }, headers) => {
      if (Entries === null || Entries.length === 0) return emptyAnswer(404, headers);
      return jsonAnswer(pairsJson.text(Entries), headers);
    },
  });
}

function keys(http: HttpRequest, context: HttpContext, prefix: string): Promise<HttpAnswer> {
  return answerRead(http, context, {
    ...KV_READ,
    method: method.KVS_LIST_KEYS,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      Prefix: prefix,
      Seperator: http.query.get('separator') || http.query.get('seperator'),
    }),
    answer: ({ Keys }, headers) => {
      const none = Keys === null || Keys.length === 0;
      if (none && prefix !== '') return emptyAnswer(404, headers);
      return jsonAnswer(keysJson.text(Keys), headers);
    },
  });
}

async function put(http: HttpRequest, context: HttpContext, key: string): Promise<HttpAnswer> {
  if (key === '') throw badRequest('Missing key name');
  refuseConflicts(http, ['cas', 'acquire', 'release']);
  const flags = http.query.has('flags') ? parseUint(http.query.get('flags')) : 0n;
  const { op, index, session } = putOperation(http);
  const value = await http.body();
  refuseLarge(http, value.length, context.kvValueBytesMax);
  const applied = await context.rpc.call(
    method.KVS_APPLY,
    {
      ...writeFields(http, context),
      Op: op,
      DirEnt: {
        LockIndex: 0,
        Key: key,
        Flags: flags,
        Value: value,
        Session: session,
        CreateIndex: 0,
        ModifyIndex: index,
      },
    },
    http.signal,
  );
  return jsonAnswer(op === 'set' || applied ? 'true' : 'false');
}

interface PutOperation {
  readonly op: KVOp;
  readonly index: number;
  readonly session: string;
}

function putOperation({ query }: HttpRequest): PutOperation {
  if (query.has('cas')) return { op: 'cas', index: casIndex(query.get('cas')), session: '' };
  if (query.has('acquire')) return { op: 'lock', index: 0, session: query.get('acquire') };
  if (query.has('release')) return { op: 'unlock', index: 0, session: query.get('release') };
  return { op: 'set', index: 0, session: '' };
}

async function remove(http: HttpRequest, context: HttpContext, key: string): Promise<HttpAnswer> {
  refuseConflicts(http, ['recurse', 'cas']);
  const { query } = http;
  const tree = query.has('recurse');
  if (key === '' && !tree) throw badRequest('Missing key name');
  const op: KVOp = tree ? 'delete-tree' : query.has('cas') ? 'delete-cas' : 'delete';
  const index = op === 'delete-cas' ? casIndex(query.get('cas')) : 0;
  const applied = await context.rpc.call(
    method.KVS_APPLY,
    {
      ...writeFields(http, context),
      Op: op,
      DirEnt: {
        LockIndex: 0,
        Key: key,
        Flags: 0n,
        Value: null,
        Session: '',
        CreateIndex: 0,
        ModifyIndex: index,
      },
    },
    http.signal,
  );
  return jsonAnswer(op !== 'delete-cas' || applied ? 'true' : 'false');
}

function writeFields(http: HttpRequest, context: HttpContext) {
  return {
    Datacenter: http.query.get('dc') || context.agent.own.datacenter,
    Token: requestToken(http) || context.agent.defaultToken(),
  };
}

/** At most one of the parameters; the text lists all that were given, sorted as Go sorts them. */
function refuseConflicts(http: HttpRequest, names: readonly string[]): void {
  const given = names.filter((name) => http.query.has(name)).sort();
  if (given.length < 2) return;
  const pairs = given.map((name) => `${name}=${encodeURIComponent(http.query.get(name))}`);
  throw badRequest(`Conflicting flags: ${pairs.join('&')}`);
}

function refuseLarge(http: HttpRequest, length: number, max: number): void {
  if (length <= max) return;
  throw new HttpError(
    413,
    `Request body(${http.contentLength ?? length} bytes) too large, max size: ${max} bytes. See https://www.consul.io/docs/agent/options.html#kv_max_value_size.`,
  );
}

/** An index to compare with; those beyond 2^53 equal none, as the largest exact number does. */
export function casIndex(text: string): number {
  const index = parseUint(text);
  return index > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(index);
}

/** A bad number is the server's error here, in the words of Go's library. */
export function parseUint(text: string): bigint {
  if (!/^\d+$/.test(text)) {
    throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const value = BigInt(text);
  if (value > UINT64_MAX) {
    throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return value;
}
