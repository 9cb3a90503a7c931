/**
 * A remote procedure as data: its name on the wire, the shapes of what goes in and out, and which
 * server may answer. Servers bind handlers to methods, callers call them; both share this one
 * description.
 */

import type { Codec } from '../wire/msgpack/schema.ts';
import type { Endpoint } from '../world/world.ts';

export interface RpcMethod<Request, Reply> {
  /** `Service.Method`, as on the wire. */
  readonly name: string;
  readonly request: Codec<Request>;
  readonly reply: Codec<Reply>;
  /** Who answers. When absent: the leader rule, by the request's own fields. */
  readonly routing?: RpcRouting<Request>;
}

/**
 * Which server answers a method.
 *
 * - `leader`: the leader of the datacenter, or any of its servers for a stale read.
 * - `datacenter`: whichever server of the datacenter receives it (Status.Leader, Status.Peers).
 * - `here`: whichever server receives it, of any datacenter (Status.Ping, Status.RaftStats,
 *   Catalog.ListDatacenters, Coordinate.ListDatacenters).
 * - `primary`: the leader of the primary datacenter, whatever datacenter the request names
 *   (FederationState.Apply, ConfigEntry.Apply and Delete, Intention.Apply).
 */
export interface RpcRouting<Request> {
  readonly to: 'leader' | 'datacenter' | 'here' | 'primary';
  /** Datacenter the request is for; empty means the own one. Default: its field `Datacenter`. */
  readonly datacenter?: (request: Request) => string;
  /** Reads may be tried again when the stream broke, writes only when there was no leader. */
  readonly access?: 'read' | 'write';
  /** Set for reads that the leader alone can answer, even where a stale answer would do. */
  readonly staleness?: 'refused';
}

/** Routing facts read out of one request. */
export interface RpcRoute {
  readonly to: RpcRouting<unknown>['to'];
  readonly datacenter: string;
  readonly access: 'read' | 'write';
  readonly allowStale: boolean;
  /** Set for a blocking query: how long the answer may take, milliseconds. */
  readonly blockingMs?: number;
}

/** Where a call came from. */
export interface RpcOrigin {
  /** Peer address; `null` for calls of this very agent (its HTTP and DNS doors, its leader duties). */
  readonly remote: Endpoint | null;
  /** Aborted when the caller's connection is gone: a blocking query then ends at once. */
  readonly signal: AbortSignal;
  /** How many servers have forwarded this call already; 0 for a first hand call. */
  readonly hops?: number;
}

/** Serves one method. A rejection's message goes to the caller as the `Error` text. */
export type RpcHandler<Request, Reply> = (request: Request, origin: RpcOrigin) => Promise<Reply>;

/** A method with its handler. */
export interface RpcBinding<Request, Reply> {
  readonly method: RpcMethod<Request, Reply>;
  readonly handle: RpcHandler<Request, Reply>;
}

/** A binding whose types were checked when it was made and are forgotten since. */
export type ServedMethod = RpcBinding<unknown, unknown>;

/** Joins a method with its handler, so that bindings of all types fit into one list. */
export function serve<Request, Reply>(
  method: RpcMethod<Request, Reply>,
  handle: RpcHandler<Request, Reply>,
): ServedMethod {
  return { method, handle } as unknown as ServedMethod;
}

/**
 * Calls a method as a local client would: wherever the request's datacenter, consistency mode and
 * the leader's place send it. Rejects with an `RpcError` whose message is the wire text.
 */
export interface RpcCaller {
  call<Request, Reply>(
    method: RpcMethod<Request, Reply>,
    request: Request,
    signal?: AbortSignal,
  ): Promise<Reply>;
}

/** An error that travels: its message is the text on the wire, prefixes of the hops included. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
}

/** Limit of a blocking query that names none, and the longest that may be asked for. */
const DEFAULT_QUERY_TIME_MS = 300_000;
const MAX_QUERY_TIME_MS = 600_000;
const NANOSECONDS_PER_MS = 1e6;

/** Reads the routing facts out of the fields that all requests of this family share. */
export function routeOf<Request>(method: RpcMethod<Request, unknown>, request: Request): RpcRoute {
  const fields = (typeof request === 'object' && request !== null ? request : {}) as {
    readonly Datacenter?: unknown;
    readonly AllowStale?: unknown;
    readonly MinQueryIndex?: unknown;
    readonly MaxQueryTime?: unknown;
  };
  const routing = method.routing;
  const named = typeof fields.Datacenter === 'string' ? fields.Datacenter : '';
  const blocking = Number(fields.MinQueryIndex ?? 0) > 0;
  return {
    to: routing?.to ?? 'leader',
    datacenter: routing?.datacenter?.(request) ?? named,
    access: routing?.access ?? (fields.AllowStale === undefined ? 'write' : 'read'),
    allowStale: fields.AllowStale === true && routing?.staleness === undefined,
    ...(blocking && { blockingMs: blockingLimitMs(Number(fields.MaxQueryTime ?? 0)) }),
  };
}

function blockingLimitMs(maxQueryTimeNs: number): number {
  if (!(maxQueryTimeNs > 0)) return DEFAULT_QUERY_TIME_MS;
  return Math.min(maxQueryTimeNs / NANOSECONDS_PER_MS, MAX_QUERY_TIME_MS);
}
