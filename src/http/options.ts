/** Parameters and headers that all reads have in common, and the headers of their answers. */

import { parseGoDuration } from '../go-duration.ts';
import type { QueryMeta, QueryOptions, QuerySource } from '../model/blocks.ts';
import { ipFamily } from '../model/ip.ts';
import { badRequest, type HttpRequest, prefixedBadRequest } from './message.ts';

/** How fresh a cached answer must be. */
export interface CacheWish {
  /** Largest age in ms; `null` = any. */
  readonly maxAgeMs: number | null;
  readonly mustRevalidate: boolean;
}

export interface ReadOptions {
  readonly datacenter: string;
  /** Ready for the wire. */
  readonly options: QueryOptions;
  /** Set when `?cached` asks for the agent's cache. */
  readonly cache: CacheWish | null;
}

/** Facts of the agent that parameters are completed with. */
export interface OwnFacts {
  readonly datacenter: string;
  readonly node: string;
  readonly segment: string;
}

const NS_PER_MS = 1e6;

/** Reads the common parameters; throws an HttpError (400). */
export function readOptions(request: HttpRequest, own: OwnFacts): ReadOptions {
  const { query } = request;
  const wait = waitTimeNs(request);
  const index = queryIndex(request);
  const consistent = query.has('consistent');
  const maxStale = maxStaleNs(request);
  const stale = query.has('stale') || maxStale > 0;
  if (stale && consistent) {
    throw badRequest('Cannot specify ?stale with ?consistent, conflicting semantics.');
  }
  if (query.has('cached') && consistent) {
    throw badRequest('Cannot specify ?cached with ?consistent, conflicting semantics.');
  }
  const cache = query.has('cached') ? cacheWish(request) : null;
  return {
    datacenter: query.get('dc') || own.datacenter,
    cache,
    options: {
      Token: requestToken(request),
      MinQueryIndex: index,
      MaxQueryTime: wait,
      AllowStale: stale,
      RequireConsistent: consistent,
      UseCache: false,
      MaxStaleDuration: maxStale,
      MaxAge: 0,
      MustRevalidate: false,
      StaleIfError: 0,
      Filter: query.get('filter'),
      AllowNotModifiedResponse: false,
    },
  };
}

/** `?index=`; throws an HttpError (400). */
export function queryIndex(request: HttpRequest): number {
  const text = request.query.get('index');
  if (text === '') return 0;
  if (!/^\d+$/.test(text) || BigInt(text) > 0xffff_ffff_ffff_ffffn)
    throw badRequest('Invalid index');
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

/** `?wait=` in nanoseconds, 0 when missing; throws an HttpError (400). */
export function waitTimeNs(request: HttpRequest): number {
  const text = request.query.get('wait');
  if (text === '') return 0;
  const wait = parseGoDuration(text);
  if (wait === null) throw badRequest('Invalid wait time');
  return wait;
}

function maxStaleNs(request: HttpRequest): number {
  const text = request.query.get('max_stale');
  if (text === '') return 0;
  const limit = parseGoDuration(text);
  if (limit === null) throw badRequest(`Invalid max_stale value ${JSON.stringify(text)}`);
  return limit;
}

function cacheWish(request: HttpRequest): CacheWish {
  let maxAgeMs: number | null = null;
  let mustRevalidate = false;
  for (const part of (request.headers['cache-control'] ?? '').toLowerCase().split(',')) {
    const [name, value = ''] = part.trim().split('=', 2);
    if (name === 'must-revalidate') mustRevalidate = true;
    if (name !== 'max-age' && name !== 'stale-if-error') continue;
    if (!/^\d+$/.test(value)) throw badRequest('Invalid Cache-Control header.');
    if (name === 'max-age') maxAgeMs = Number(value) * 1000;
  }
  return { maxAgeMs, mustRevalidate };
}

/** First found wins: parameter, header, bearer; else `''`, which the agent's default may replace. */
export function requestToken(request: HttpRequest): string {
  const direct = request.query.get('token') || request.headers['x-consul-token'];
  if (direct) return direct;
  return /^bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

/** Refuses a namespace on the routes that look for one; throws an HttpError (400). */
export function refuseNamespace(request: HttpRequest): void {
  const enterprise = 'Namespaces are a Consul Enterprise feature';
  if (request.headers['x-consul-namespace']) {
    throw prefixedBadRequest(`Invalid header: "X-Consul-Namespace" - ${enterprise}`);
  }
  if (request.query.get('ns') !== '') {
    throw prefixedBadRequest(`Invalid query parameter: "ns" - ${enterprise}`);
  }
}

/** Who asks, for `?near=`; `_agent` is this very node. */
export function querySource(request: HttpRequest, own: OwnFacts): QuerySource {
  const near = request.query.get('near');
  return {
    Datacenter: own.datacenter,
    Segment: own.segment,
    Node: near === '_agent' ? own.node : near,
    Ip: '',
  };
}

/** `?node-meta=key:value`, repeated; `null` when there is none. */
export function nodeMetaFilters(request: HttpRequest): Readonly<Record<string, string>> | null {
  const pairs = request.query.all('node-meta');
  if (pairs.length === 0) return null;
  return Object.fromEntries(
    pairs.map((pair) => {
      const colon = pair.indexOf(':');
      return colon < 0 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
    }),
  );
}

/** The three headers of a read. An index of 0 is told as 1, so that a client can wait on it. */
export function metaHeaders(meta: QueryMeta): Readonly<Record<string, string>> {
  return {
    'X-Consul-Index': String(Math.max(meta.Index, 1)),
    'X-Consul-Knownleader': String(meta.KnownLeader),
    'X-Consul-Lastcontact': String(Math.trunc(meta.LastContact / NS_PER_MS)),
  };
}

/** What a failed read tells on the routes that announce their meta data in any case. */
export const FAILED_META_HEADERS = {
  'X-Consul-Index': '1',
  'X-Consul-Knownleader': 'false',
  'X-Consul-Lastcontact': '0',
} as const;

export function consistencyHeader(options: QueryOptions): Readonly<Record<string, string>> {
  return { 'X-Consul-Effective-Consistency': consistencyLevel(options) };
}

export function consistencyLevel(options: QueryOptions): 'consistent' | 'stale' | 'leader' {
  if (options.RequireConsistent) return 'consistent';
  return options.AllowStale ? 'stale' : 'leader';
}

/** The address that asks, as a proxy before this agent names it; `''` when it is none. */
export function sourceAddress({ headers, remoteAddress }: HttpRequest): string {
  const forwarded = (headers['x-forwarded-for'] ?? '').split(',')[0]?.trim() ?? '';
  const address = ipFamily(forwarded) === 0 ? remoteAddress : forwarded;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return ipFamily(address) === 0 ? '' : address;
}
