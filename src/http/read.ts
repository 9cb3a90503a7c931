/** A read over RPC as an HTTP answer: parameters in, index headers and JSON out. */

import type { QueryMeta, QueryOptions } from '../model/blocks.ts';
import type { RpcMethod } from '../rpc/method.ts';
import type { HttpContext } from './context.ts';
import { type HttpAnswer, type HttpRequest, jsonAnswer } from './message.ts';
import {
  consistencyHeader,
  FAILED_META_HEADERS,
  metaHeaders,
  type ReadOptions,
  readOptions,
} from './options.ts';
import { withErrorHeaders } from './serve.ts';
import { whileOpen } from './wait.ts';

const NS_PER_MS = 1e6;
const WAIT_DEFAULT_MS = 300_000;
const WAIT_MAX_MS = 600_000;

/** How one route reads. */
export interface Read<Request extends QueryOptions, Reply extends QueryMeta> {
  readonly method: RpcMethod<Request, Reply>;
  /** Completes the request with the common options; throws an HttpError. */
  readonly request: (read: ReadOptions) => Request;
  readonly answer: (reply: Reply, headers: Readonly<Record<string, string>>) => HttpAnswer;
  /** Whether a failed read tells the index headers all the same. */
  readonly failedMeta: 'told' | 'none';
  /** Whether the answer tells which consistency it had. */
  readonly consistency: 'told' | 'none';
  /** Whether `?cached` is heeded, or the answer comes from the cache in any case. */
  readonly cached: 'offered' | 'offered, without waiting' | 'always' | 'none';
}

export async function answerRead<Request extends QueryOptions, Reply extends QueryMeta>(
  http: HttpRequest,
  context: HttpContext,
  read: Read<Request, Reply>,
): Promise<HttpAnswer> {
  const options = withDefaultToken(readOptions(http, context.agent.own), context);
  const request = read.request(options);
  try {
    const { reply, headers } = await ask(http, context, read, request, options);
    return read.answer(reply, {
      ...metaHeaders(reply),
      ...(read.consistency === 'told' && consistencyHeader(options.options)),
      ...headers,
    });
  } catch (error) {
    if (read.failedMeta === 'none' || isOwnError(error)) throw error;
    throw withErrorHeaders(error, FAILED_META_HEADERS);
  }
}

/** Errors of the door itself (400) carry their headers already. */
function isOwnError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HttpError';
}

export function withDefaultToken(read: ReadOptions, context: HttpContext): ReadOptions {
  if (read.options.Token !== '') return read;
  return { ...read, options: { ...read.options, Token: context.agent.defaultToken() } };
}

interface Asked<Reply> {
  readonly reply: Reply;
  readonly headers: Readonly<Record<string, string>>;
}

async function ask<Request extends QueryOptions, Reply extends QueryMeta>(
  http: HttpRequest,
  context: HttpContext,
  read: Read<Request, Reply>,
  request: Request,
  options: ReadOptions,
): Promise<Asked<Reply>> {
  if (read.cached === 'always' || (options.cache !== null && read.cached !== 'none')) {
    return askCache(http, context, read, request, options);
  }
  const reply = await answered(http, context, read.method, request);
  const tooStale =
    request.AllowStale &&
    request.MaxStaleDuration > 0 &&
    reply.LastContact > request.MaxStaleDuration;
  if (!tooStale) return { reply, headers: {} };
  const fresh = { ...request, AllowStale: false, MaxStaleDuration: 0 };
  return { reply: await context.rpc.call(read.method, fresh, http.signal), headers: {} };
}

/** A question that waits for news is asked again without waiting when the door is about to close. */
async function answered<Request extends QueryOptions, Reply>(
  http: HttpRequest,
  { rpc }: HttpContext,
  method: RpcMethod<Request, Reply>,
  request: Request,
): Promise<Reply> {
  if (request.MinQueryIndex === 0) return rpc.call(method, request, http.signal);
  try {
    return await whileOpen(http, (over) => rpc.call(method, request, over));
  } catch (error) {
    if (http.signal.aborted || !http.closing.aborted) throw error;
    return rpc.call(method, { ...request, MinQueryIndex: 0 }, http.signal);
  }
}

async function askCache<Request extends QueryOptions, Reply extends QueryMeta>(
  http: HttpRequest,
  context: HttpContext,
  read: Read<Request, Reply>,
  request: Request,
  options: ReadOptions,
): Promise<Asked<Reply>> {
  const wish = options.cache ?? { maxAgeMs: null, mustRevalidate: false };
  const plain = { ...request, MinQueryIndex: 0, MaxQueryTime: 0, AllowStale: true };
  const cached = await whileOpen(http, (signal) =>
    context.cache.get<Reply>(
      {
        key: `${read.method.name} ${JSON.stringify(plain)}`,
        wish,
        minIndex: request.MinQueryIndex,
        timeoutMs: waitMs(request.MaxQueryTime, context),
        refresh: read.cached === 'offered' ? 'blocking' : 'none',
        signal,
      },
      async (minIndex, refreshing) => {
        const waiting = { MinQueryIndex: minIndex, MaxQueryTime: WAIT_MAX_MS * NS_PER_MS };
        const asked = read.cached === 'offered' ? { ...plain, ...waiting } : plain;
        const value = await context.rpc.call(read.method, asked, refreshing);
        return { value, index: value.Index };
      },
    ),
  );
  return { reply: cached.value, headers: cacheHeaders(cached) };
}

export function cacheHeaders(cached: {
  readonly hit: boolean;
  readonly ageSeconds: number;
}): Readonly<Record<string, string>> {
  if (!cached.hit) return { 'X-Cache': 'MISS' };
  return { 'X-Cache': 'HIT', Age: String(cached.ageSeconds) };
}

/** How long a wait that ends in this very process may take: default, limit and jitter. */
export function waitMs(wishedNs: number, context: HttpContext): number {
  const wished = wishedNs / NS_PER_MS;
  const ms = wished <= 0 ? WAIT_DEFAULT_MS : Math.min(wished, WAIT_MAX_MS);
  return ms + context.random.float() * (ms / 16);
}

/** The answer of a list or object: its JSON with the headers of the read. */
export function shown<Reply>(
  text: (reply: Reply) => string,
): (reply: Reply, headers: Readonly<Record<string, string>>) => HttpAnswer {
  return (reply, headers) => jsonAnswer(text(reply), headers);
}
