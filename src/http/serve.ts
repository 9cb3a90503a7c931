/**
 * From a request to its answer: path check, redirect, headers that every answer has, method check,
 * handler, and what an error looks like from outside.
 */

import { textOf, toError } from '../error-text.ts';
import { indentJson } from './json/indent.ts';
import {
  emptyAnswer,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  isJson,
  textAnswer,
} from './message.ts';
import { parseQuery, percentDecode, Query } from './query.ts';
import type { Route, RouteTable } from './router.ts';

/** A request as it came in, before its path and query were read. */
export interface RawRequest extends Omit<HttpRequest, 'path' | 'query'> {
  /** Path and query as sent. */
  readonly target: string;
}

export interface ServeOptions {
  /** Default policy of the ACL system, told in each answer of the API. */
  readonly aclDefaultPolicy: 'allow' | 'deny';
  /** Called with each request of the API and the path of its route; what it returns, with the answer. */
  readonly began?: (method: string, route: string) => () => void;
  /** Called with errors that are the server's (500). */
  readonly failed?: (request: RawRequest, error: unknown) => void;
}

/** Never rejects. */
export async function serveRequest<Context>(
  raw: RawRequest,
  table: RouteTable<Context>,
  context: Context,
  options: ServeOptions,
): Promise<HttpAnswer> {
  const { path, search } = splitTarget(raw.target);
  const decoded = percentDecode(path);
  if (decoded === null) return textAnswer(400, '400 Bad Request');
  if (!isPrintable(decoded)) return emptyAnswer(400);
  const match = table.match(decoded);
  if (match.kind === 'unknown') return emptyAnswer(404);
  if (match.kind === 'redirect') return redirect(raw.method, match.path, search);
  const route = match.route;
  if (!route.path.startsWith('/v1/')) {
    const request = toRequest(raw, decoded, new Query(new Map()));
    return route.handler(request, context).catch((error) => errorAnswer(raw, error, options));
  }
  const ended = options.began?.(raw.method, route.path);
  const answer = await answerApi(raw, decoded, search, route, context, options);
  ended?.();
  return {
    ...answer,
    headers: { 'X-Consul-Default-Acl-Policy': options.aclDefaultPolicy, ...answer.headers },
  };
}

async function answerApi<Context>(
  raw: RawRequest,
  path: string,
  search: string,
  route: Route<Context>,
  context: Context,
  options: ServeOptions,
): Promise<HttpAnswer> {
  const query = parseQuery(search);
  if (query === null) return emptyAnswer(500);
  const methods: readonly string[] = route.methodsAt?.(path) ?? route.methods;
  const allow = ['OPTIONS', ...methods].join(',');
  if (raw.method === 'OPTIONS') return emptyAnswer(200, { Allow: allow });
  if (!methods.includes(raw.method)) {
    const allowed = route.methodsAt === undefined ? allow : methods.join(',');
    return textAnswer(405, `method ${raw.method} not allowed`, { Allow: allowed });
  }
  try {
    const answer = await route.handler(toRequest(raw, path, query), context);
    return query.has('pretty') && isJson(answer) ? indented(answer) : answer;
  } catch (error) {
    return errorAnswer(raw, error, options);
  }
}

function toRequest(raw: RawRequest, path: string, query: Query): HttpRequest {
  return {
    method: raw.method,
    path,
    query,
    headers: raw.headers,
    remoteAddress: raw.remoteAddress,
    signal: raw.signal,
    closing: raw.closing,
    contentLength: raw.contentLength,
    body: () => raw.body(),
    chunks: () => raw.chunks(),
  };
}

function indented(answer: HttpAnswer): HttpAnswer {
  return { ...answer, body: `${indentJson(String(answer.body))}\n` };
}

function errorAnswer(raw: RawRequest, error: unknown, options: ServeOptions): HttpAnswer {
  if (error instanceof HttpError) return textAnswer(error.status, error.message, error.headers);
  const text = textOf(error);
  const headers = errorHeaders(error);
  if (isForbidden(text)) return textAnswer(403, text, headers);
  if (text.includes('RPC rate limit exceeded')) return emptyAnswer(429, headers);
  if (!raw.signal.aborted) options.failed?.(raw, error);
  return textAnswer(500, text, headers);
}

/** A server's word on tokens, whatever hops have put before it. */
function isForbidden(text: string): boolean {
  return text.includes('Permission denied') || text.includes('ACL not found');
}

const ERROR_HEADERS = new WeakMap<Error, Readonly<Record<string, string>>>();

/** Makes an error carry headers into its answer. */
export function withErrorHeaders(error: unknown, headers: Readonly<Record<string, string>>): Error {
  const carried = toError(error);
  ERROR_HEADERS.set(carried, headers);
  return carried;
}

function errorHeaders(error: unknown): Readonly<Record<string, string>> {
  return error instanceof Error ? (ERROR_HEADERS.get(error) ?? {}) : {};
}

function splitTarget(target: string): { readonly path: string; readonly search: string } {
  const absolute = /^https?:\/\/[^/?]*/i.exec(target);
  const local = absolute === null ? target : target.slice(absolute[0].length);
  const mark = local.indexOf('?');
  if (mark < 0) return { path: local, search: '' };
  return { path: local.slice(0, mark), search: local.slice(mark + 1) };
}

function redirect(method: string, path: string, search: string): HttpAnswer {
  const location = encodePath(path) + (search === '' ? '' : `?${search}`);
  if (method !== 'GET') return emptyAnswer(301, { Location: location });
  const href = location.replaceAll('&', '&amp;').replaceAll('"', '&#34;').replaceAll('<', '&lt;');
  return {
    status: 301,
    headers: { 'Content-Type': 'text/html; charset=utf-8', Location: location },
    body: `<a href="${href}">Moved Permanently</a>.\n\n`,
  };
}

function encodePath(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23');
}

/** Go's idea of printable: letters, marks, numbers, punctuation, symbols and the ASCII blank. */
function isPrintable(path: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(path);
}
