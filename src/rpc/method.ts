/**
 * A remote procedure as data: its name on the wire and the shapes of what goes in and out. Servers
 * bind handlers to methods, callers call them; both sides share this one description.
 * (spec/rpc.md 3.1, 4)
 */

import type { Codec } from '../wire/msgpack/schema.ts';
import type { Endpoint } from '../world/world.ts';

export interface RpcMethod<Request, Reply> {
  /** `Service.Method`, as on the wire. */
  readonly name: string;
  readonly request: Codec<Request>;
  readonly reply: Codec<Reply>;
}

/** Where a call came from. */
export interface RpcOrigin {
  /** Peer address; `null` for calls of this very agent (its HTTP and DNS doors, its leader duties). */
  readonly remote: Endpoint | null;
  /** Aborted when the caller's connection is gone: a blocking query then ends at once. */
  readonly signal: AbortSignal;
}

/** Serves one method. A rejection's message goes to the caller as the `Error` text. */
export type RpcHandler<Request, Reply> = (request: Request, origin: RpcOrigin) => Promise<Reply>;

/** A method with its handler. */
export interface RpcBinding<Request, Reply> {
  readonly method: RpcMethod<Request, Reply>;
  readonly handle: RpcHandler<Request, Reply>;
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
