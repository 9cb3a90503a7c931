/** `/v1/config…`, for the kinds that gateways and the services behind them read. */

import { joinedErrors } from '../../joined-errors.ts';
import { configEntryRow, isConfigEntryKind } from '../../model/config-entry.ts';
import * as method from '../../rpc/methods/config-entry.ts';
import type { MsgpackAny } from '../../wire/msgpack/reader.ts';
import { any as anyCodec, encode } from '../../wire/msgpack/schema.ts';
import type { HttpContext } from '../context.ts';
import { exposeInput, meshGatewayInput } from '../json/bodies.ts';
import { configEntryJson } from '../json/config-entry.ts';
import { ingressGatewayInput, terminatingGatewayInput } from '../json/gateway-entries.ts';
import {
  any as anyInput,
  decodeJson,
  map as mapInput,
  object as objectInput,
  str as strInput,
  uint as uintInput,
} from '../json/input.ts';
import { list as listJson } from '../json/output.ts';
import { JsonDecodeError, parseJson } from '../json/parse.ts';
import {
  badRequest,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
  prefixedBadRequest,
} from '../message.ts';
import { refuseNamespace, requestToken } from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Route } from '../router.ts';
import { parseUint } from './kv.ts';
import { rest } from './path.ts';

export const CONFIG_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/config', methods: ['PUT'], handler: put },
  { path: '/v1/config/', methods: ['GET', 'DELETE'], handler: one },
];

const configEntriesJson = listJson(configEntryJson);

const COMMON_FIELDS = {
  Kind: strInput,
  Name: strInput,
  MeshGateway: meshGatewayInput,
  Expose: exposeInput,
  Meta: mapInput(strInput),
  // Later clients send entries with the indexes they were read at; a write has its own.
  CreateIndex: uintInput,
  ModifyIndex: uintInput,
};
const SERVICE_DEFAULTS = objectInput(
  { ...COMMON_FIELDS, Protocol: strInput, ExternalSNI: strInput },
  { name: 'ServiceConfigEntry', unknown: 'refuse' },
);
const PROXY_DEFAULTS = objectInput(
  { ...COMMON_FIELDS, Config: mapInput(anyInput) },
  { name: 'ProxyConfigEntry', unknown: 'refuse' },
);

async function put(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const entry = decodedEntry((await http.body()).toString('utf8'));
  const cas = http.query.has('cas') ? Number(parseUint(http.query.get('cas'))) : null;
  const row = configEntryRow(encode(anyCodec, { ...entry, CreateIndex: 0, ModifyIndex: cas ?? 0 }));
  const applied = await context.rpc.call(
    method.CONFIG_ENTRY_APPLY,
    {
      Kind: row.Kind,
      Datacenter: http.query.get('dc') || context.agent.own.datacenter,
      Op: cas === null ? 'upsert' : 'upsert-cas',
      Token: requestToken(http) || context.agent.defaultToken(),
      Entry: row,
    },
    http.signal,
  );
  return jsonAnswer(applied ? 'true' : 'false');
}

function decodedEntry(text: string): Readonly<Record<string, MsgpackAny>> {
  try {
    const kind = kindOf(text);
    if (kind === 'service-defaults') {
      const entry = decodeJson(SERVICE_DEFAULTS, text);
      return { ...entry, Protocol: entry.Protocol.toLowerCase() };
    }
    if (kind === 'proxy-defaults') {
      return { ...decodeJson(PROXY_DEFAULTS, text), Name: 'global' };
    }
    if (kind === 'ingress-gateway') return decodeJson(ingressGatewayInput, text);
    if (kind === 'terminating-gateway') return decodeJson(terminatingGatewayInput, text);
    throw new JsonDecodeError(`invalid config entry kind: ${kind}`);
  } catch (error) {
    if (!(error instanceof JsonDecodeError)) throw error;
    throw prefixedBadRequest(`Request decoding failed: ${complaint(error.message)}`);
  }
}

/** Unknown keys have words of their own here. */
function complaint(text: string): string {
  const key = /^json: unknown field ("[^"]*")(.*)$/.exec(text);
  if (key === null) return text;
  const enterprise = key[2] === '' ? '' : ', namespaces are a consul enterprise feature';
  return joinedErrors([`invalid config key ${key[1]}${enterprise}`]);
}

function kindOf(text: string): string {
  const body = parseJson(text);
  const kind = body instanceof Map ? (body.get('Kind') ?? body.get('kind')) : undefined;
  if (kind === undefined) {
    throw new JsonDecodeError('Payload does not contain a kind/Kind key at the top level');
  }
  if (typeof kind !== 'string') throw new JsonDecodeError('Kind value in payload is not a string');
  return kind;
}

async function one(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const [kind = '', ...names] = rest(http.path, '/v1/config/').split('/');
  const name = names.join('/');
  if (name === '' && http.method === 'GET') return list(http, context, kind);
  if (name === '') throw new HttpError(404, 'Must provide both a kind and name to delete');
  if (http.method === 'DELETE') return remove(http, context, kind, name);
  return answerRead(http, context, {
    failedMeta: 'none',
    consistency: 'none',
    cached: 'none',
    method: method.CONFIG_ENTRY_GET,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      Kind: kind,
      Name: name,
    }),
    answer: ({ Entry }, headers) => {
      if (Entry !== null) return jsonAnswer(configEntryJson.text(Entry), headers);
      const asked = `${JSON.stringify(kind)} / ${JSON.stringify(name)}`;
      throw new HttpError(404, `Config entry not found for ${asked}`, headers);
    },
  });
}

/** The entries of a kind, or of all. */
async function list(http: HttpRequest, context: HttpContext, kind: string): Promise<HttpAnswer> {
  return answerRead(http, context, {
    failedMeta: 'none',
    consistency: 'none',
    cached: 'none',
    method: method.CONFIG_ENTRY_LIST,
    request: ({ datacenter, options }) => ({
      ...options,
      Filter: '',
      Datacenter: datacenter,
      Kind: kind,
      Name: '',
    }),
    answer: shown(({ Entries }) => configEntriesJson.text(Entries)),
  });
}

async function remove(
  http: HttpRequest,
  context: HttpContext,
  kind: string,
  name: string,
): Promise<HttpAnswer> {
  if (!isConfigEntryKind(kind)) throw badRequest(`invalid config entry kind: ${kind}`);
  const head = { Kind: kind, Name: name, CreateIndex: 0, ModifyIndex: 0 };
  await context.rpc.call(
    method.CONFIG_ENTRY_DELETE,
    {
      Kind: kind,
      Datacenter: http.query.get('dc') || context.agent.own.datacenter,
      Op: 'delete',
      Token: requestToken(http) || context.agent.defaultToken(),
      Entry: configEntryRow(encode(anyCodec, head)),
    },
    http.signal,
  );
  return jsonAnswer('{}');
}
