/** `PUT /v1/txn`: one that only reads is answered as a read, with its choice of consistency. */

import {
  isTxnWrite,
  TXN_OPS_MAX,
  type TxnOp,
  type TxnReadResponse,
  type TxnResponse,
} from '../../model/txn.ts';
import * as method from '../../rpc/methods/txn.ts';
import type { HttpContext } from '../context.ts';
import { decodeJson } from '../json/input.ts';
import type { JsonOutput } from '../json/output.ts';
import { JsonDecodeError } from '../json/parse.ts';
import { txnInput, txnReadResponseJson, txnResponseJson } from '../json/txn.ts';
import {
  badRequest,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import { metaHeaders, readOptions, requestToken } from '../options.ts';
import { withDefaultToken } from '../read.ts';
import type { Route } from '../router.ts';

export const TXN_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/txn', methods: ['PUT'], handler: txn },
];

async function txn(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const ops = await operations(http, context);
  return ops.some(isTxnWrite) ? write(http, context, ops) : read(http, context, ops);
}

async function write(
  http: HttpRequest,
  context: HttpContext,
  ops: readonly TxnOp[],
): Promise<HttpAnswer> {
  const reply = await context.rpc.call(
    method.TXN_APPLY,
    {
      Datacenter: http.query.get('dc') || context.agent.own.datacenter,
      Ops: ops,
      Token: requestToken(http) || context.agent.defaultToken(),
    },
    http.signal,
  );
  return outcome(reply, txnResponseJson);
}

async function read(
  http: HttpRequest,
  context: HttpContext,
  ops: readonly TxnOp[],
): Promise<HttpAnswer> {
  const { datacenter, options } = withDefaultToken(readOptions(http, context.agent.own), context);
  const reply = await context.rpc.call(
    method.TXN_READ,
    { ...options, MinQueryIndex: 0, MaxQueryTime: 0, Datacenter: datacenter, Ops: ops },
    http.signal,
  );
  const { 'X-Consul-Index': _neverBlocks, ...headers } = metaHeaders(reply);
  return outcome<TxnReadResponse>(reply, txnReadResponseJson, headers);
}

/** Failed operations are a conflict; no results are `null` then, and an empty list otherwise. */
function outcome<Reply extends TxnResponse>(
  reply: Reply,
  json: JsonOutput<Reply>,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const failed = reply.Errors !== null && reply.Errors.length > 0;
  const shown = failed ? { ...reply, Results: null } : { ...reply, Results: reply.Results ?? [] };
  return jsonAnswer(json.text(shown), headers, failed ? 409 : 200);
}

/** Reads the body; throws an HttpError (400 or 413). */
async function operations(http: HttpRequest, context: HttpContext): Promise<readonly TxnOp[]> {
  const { txnBytesMax, kvValueBytesMax } = context;
  if ((http.contentLength ?? 0) > txnBytesMax)
    throw tooLarge(`(${http.contentLength} bytes)`, txnBytesMax);
  const body = await http.body();
  if (body.length > txnBytesMax) throw tooLarge('', txnBytesMax);
  const ops = decoded(body.toString('utf8'), context);
  if (ops.length > TXN_OPS_MAX) {
    const count = `${ops.length} > ${TXN_OPS_MAX}`;
    throw new HttpError(413, `Transaction contains too many operations (${count})`);
  }
  for (const { KV } of ops) refuseLargeValue(KV, kvValueBytesMax);
  return ops.filter((op) => Object.values(op).some((kind) => kind !== null));
}

function decoded(text: string, { agent }: HttpContext): readonly TxnOp[] {
  try {
    return (decodeJson(txnInput, text) ?? []).map((op) => inDatacenter(op, agent.own.datacenter));
  } catch (error) {
    if (!(error instanceof JsonDecodeError)) throw error;
    throw badRequest(`Failed to parse body: ${error.message}`);
  }
}

function inDatacenter(op: TxnOp, datacenter: string): TxnOp {
  if (op.Node === null || op.Node.Node.Datacenter !== '') return op;
  return { ...op, Node: { ...op.Node, Node: { ...op.Node.Node, Datacenter: datacenter } } };
}

function refuseLargeValue(op: TxnOp['KV'], max: number): void {
  const size = op?.DirEnt.Value?.length ?? 0;
  if (op === null || size <= max) return;
  const key = JSON.stringify(op.DirEnt.Key);
  throw new HttpError(413, `Value for key ${key} is too large (${size} > ${max} bytes)`);
}

function tooLarge(size: string, max: number): HttpError {
  return new HttpError(
    413,
    `Request body${size} too large, max size: ${max} bytes. See https://www.consul.io/docs/agent/options.html#txn_max_req_len.`,
  );
}
