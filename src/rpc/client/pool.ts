/**
 * Connections to servers, kept and shared: one yamux session for each node and address, many calls
 * on it, each on a stream of its own that is used again afterwards.
 */

import { textOf } from '../../error-text.ts';
import { type Codec, decode, encode } from '../../wire/msgpack/schema.ts';
import { encodeRequest } from '../../wire/rpc/headers.ts';
import { YamuxSession } from '../../wire/yamux/session.ts';
import { endpointText } from '../../world/errors.ts';
import type { Clock, TimerId } from '../../world/world.ts';
import type { Dialer } from '../dialer.ts';
import {
  FAILED_TO_GET_CONN,
  FAILED_TO_START_STREAM,
  GETTING_CLIENT,
  LEAD_THREAD,
  MAKING_CALL,
} from '../errors.ts';
import { withHops } from '../hops.ts';
import { RpcError, type RpcMethod, routeOf } from '../method.ts';
import type { RpcServerEntry } from '../router-view.ts';
import { CallStream, type RpcAnswer } from './call-stream.ts';

/** A session without calls is closed after this (server agents; Consul). */
export const IDLE_SESSION_MS = 120_000;
/** Idle streams kept for each session (server agents; Consul). */
const IDLE_STREAMS_MAX = 64;
/** Limit of a call that does not block (`limits.rpc_client_timeout`). */
export const CLIENT_TIMEOUT_MS = 60_000;
/** What a blocking call may take beyond its own limit: the jitter of the server and its hold. */
const BLOCKING_JITTER = 1 / 16;
const HOLD_TIMEOUT_MS = 7_000;
/** Sessions kept at most; the one unused for longest is closed for a new one. */
export const SESSIONS_MAX = 4_096;
/** A session that is found dead when a stream is to be opened is dialed again once. */
const ATTEMPTS_MAX = 2;

export interface PoolOptions {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly clientTimeoutMs?: number;
  readonly holdTimeoutMs?: number;
}

/** By which whoever has made a call may give it up, without a signal of its own for each call. */
export interface CallControl {
  /** Ends the wait for the answer; there once the request is sent. Set by the pool. */
  abandon: ((error: Error) => void) | undefined;
  /** Nobody waits any more: what is not sent yet stays unsent. Set by the caller. */
  cancelled: boolean;
}

export interface CallOptions {
  /** Ends the call early; its stream is given up. */
  readonly signal?: AbortSignal;
  readonly control?: CallControl;
  /** How often the call was forwarded before. */
  readonly hops?: number;
}

interface PooledSession {
  readonly key: string;
  readonly session: YamuxSession;
  readonly idle: CallStream[];
  calls: number;
  lastUsed: number;
}

export class RpcPool {
  readonly #options: PoolOptions;
  readonly #sessions = new Map<string, PooledSession>();
  readonly #dialing = new Map<string, Promise<PooledSession>>();
  /** Sessions that take no more calls, and still have some under way. */
  readonly #retired = new Set<PooledSession>();
  #sequence = 0;
  #reaper: TimerId | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /**
   * Calls `method` on exactly this server. Rejects with an `RpcError` that carries the prefixes of
   * Consul's pool.
   */
  async call<Request, Reply>(
    server: RpcServerEntry,
    method: RpcMethod<Request, Reply>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Reply> {
    if (server.node === '') throw new RpcError('pool: ConnPool.RPC requires a node name');
    const timeoutMs = this.#timeoutOf(method, request);
    const pooled = await this.#acquire(server);
    if (options.control?.cancelled) {
      this.#giveBack(pooled);
      throw new RpcError(`${GETTING_CLIENT}call was cancelled`);
    }
    let answer: RpcAnswer;
    pooled.session.calls += 1;
    try {
      answer = await this.#exchange(pooled.stream, method, request, timeoutMs, options);
    } catch (error) {
      this.#release(pooled.session);
      if (!pooled.session.session.open) this.#retire(pooled.session);
      throw new RpcError(`${MAKING_CALL}${textOf(error)}`, { cause: error });
    }
    this.#release(pooled.session);
    if (answer.error !== '') {
      pooled.stream.end();
      throw new RpcError(`${MAKING_CALL}${answer.error}`);
    }
    this.#giveBack(pooled);
    return decodeReply(method.reply, answer);
  }

  close(): void {
    this.#closed = true;
    if (this.#reaper !== undefined) this.#options.clock.clearTimeout(this.#reaper);
    for (const pooled of [...this.#sessions.values(), ...this.#retired]) this.#drop(pooled);
  }

  #timeoutOf<Request>(method: RpcMethod<Request, unknown>, request: Request): number {
    const { blockingMs } = routeOf(method, request);
    if (blockingMs === undefined) return this.#options.clientTimeoutMs ?? CLIENT_TIMEOUT_MS;
    return blockingMs * (1 + BLOCKING_JITTER) + (this.#options.holdTimeoutMs ?? HOLD_TIMEOUT_MS);
  }

  async #exchange<Request>(
    stream: CallStream,
    method: RpcMethod<Request, unknown>,
    request: Request,
    timeoutMs: number,
    options: CallOptions,
  ): Promise<RpcAnswer> {
    const { clock } = this.#options;
    const { signal, control, hops = 0 } = options;
    if (signal?.aborted) throw new Error('call was cancelled');
    this.#sequence += 1;
    const header = { ServiceMethod: method.name, Seq: withHops(this.#sequence, hops) };
    const bytes = encodeRequest(header, encode(method.request, request));
    const timer = clock.setTimeout(
      () => stream.abandon(new Error('i/o deadline reached')),
      timeoutMs,
    );
    const cancel = (): void => stream.abandon(new Error('call was cancelled'));
    signal?.addEventListener('abort', cancel);
    if (control !== undefined) control.abandon = (error) => stream.abandon(error);
    try {
      return await stream.exchange(bytes);
    } finally {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    }
  }

  // Sessions and streams.

  /** A stream to the server, on a session that is kept or dialed; dials again once. */
  async #acquire(
    server: RpcServerEntry,
  ): Promise<{ readonly session: PooledSession; readonly stream: CallStream }> {
    for (let attempt = 1; ; attempt++) {
      const session = await this.#sessionTo(server);
      const idle = this.#idleStream(session);
      if (idle !== undefined) return { session, stream: idle };
      try {
        return { session, stream: new CallStream(await session.session.openStream()) };
      } catch (error) {
        const gone = !session.session.open;
        if (gone) this.#retire(session);
        if (gone && attempt < ATTEMPTS_MAX) continue;
        const text = `${GETTING_CLIENT}${FAILED_TO_START_STREAM}${textOf(error)}`;
        throw new RpcError(text, { cause: error });
      }
    }
  }

  #idleStream(pooled: PooledSession): CallStream | undefined {
    for (;;) {
      const stream = pooled.idle.pop();
      if (stream === undefined || stream.usable) return stream;
    }
  }

  async #sessionTo(server: RpcServerEntry): Promise<PooledSession> {
    // Two nodes may share an address behind a gateway, and two datacenters a node and an address.
    const key = `${server.datacenter}/${server.node}:${endpointText(server.address)}`;
    const known = this.#sessions.get(key);
    if (known?.session.open) return known;
    if (known !== undefined) this.#retire(known);
    const underWay = this.#dialing.get(key);
    if (underWay !== undefined) {
      return underWay.catch((error) => {
        throw new RpcError(`${GETTING_CLIENT}${LEAD_THREAD}`, { cause: error });
      });
    }
    const dialing = this.#dial(server, key);
    this.#dialing.set(key, dialing);
    try {
      return await dialing;
    } catch (error) {
      const text = `${GETTING_CLIENT}${FAILED_TO_GET_CONN}${textOf(error)}`;
      throw new RpcError(text, { cause: error });
    } finally {
      this.#dialing.delete(key);
    }
  }

  async #dial(server: RpcServerEntry, key: string): Promise<PooledSession> {
    const { dialer, clock } = this.#options;
    const connection = await dialer.dial({ ...server, kind: 'rpc-multi' });
    if (this.#closed) {
      connection.destroy();
      throw new Error('pool is closed');
    }
    const session = new YamuxSession({
      connection,
      role: 'client',
      clock,
      closed: () => this.#forget(pooled),
    });
    const pooled: PooledSession = {
      key,
      session,
      idle: [],
      calls: 0,
      lastUsed: clock.monotonic(),
    };
    this.#makeRoom();
    this.#sessions.set(key, pooled);
    this.#armReaper();
    return pooled;
  }

  #release(pooled: PooledSession): void {
    pooled.calls -= 1;
    pooled.lastUsed = this.#options.clock.monotonic();
    if (pooled.calls === 0 && this.#retired.has(pooled)) this.#drop(pooled);
  }

  #giveBack(pooled: { readonly session: PooledSession; readonly stream: CallStream }): void {
    if (pooled.session.idle.length < IDLE_STREAMS_MAX) pooled.session.idle.push(pooled.stream);
    else pooled.stream.end();
  }

  #forget(pooled: PooledSession): void {
    if (this.#sessions.get(pooled.key) === pooled) this.#sessions.delete(pooled.key);
    this.#retired.delete(pooled);
  }

  /** The server went away or is gone: what it was asked already, it may answer. */
  #retire(pooled: PooledSession): void {
    this.#forget(pooled);
    if (pooled.calls === 0) pooled.session.close();
    else this.#retired.add(pooled);
  }

  #drop(pooled: PooledSession): void {
    this.#forget(pooled);
    pooled.session.close();
  }

  #makeRoom(): void {
    if (this.#sessions.size < SESSIONS_MAX) return;
    let oldest: PooledSession | undefined;
    for (const pooled of this.#sessions.values()) {
      if (oldest === undefined || pooled.lastUsed < oldest.lastUsed) oldest = pooled;
    }
    if (oldest !== undefined) this.#drop(oldest);
  }

  // Reaping: one timer, due when the next session could be.

  #armReaper(): void {
    if (this.#reaper !== undefined || this.#closed || this.#sessions.size === 0) return;
    const now = this.#options.clock.monotonic();
    let due = Number.POSITIVE_INFINITY;
    for (const pooled of this.#sessions.values()) {
      due = Math.min(due, (pooled.calls > 0 ? now : pooled.lastUsed) + IDLE_SESSION_MS);
    }
    this.#reaper = this.#options.clock.setTimeout(() => this.#reap(), Math.max(due - now, 1));
  }

  #reap(): void {
    this.#reaper = undefined;
    const before = this.#options.clock.monotonic() - IDLE_SESSION_MS;
    for (const pooled of [...this.#sessions.values()]) {
      if (pooled.calls === 0 && pooled.lastUsed <= before) this.#drop(pooled);
    }
    this.#armReaper();
  }
}

function decodeReply<Reply>(codec: Codec<Reply>, answer: RpcAnswer): Reply {
  try {
    return decode(codec, answer.body);
  } catch (error) {
    throw new RpcError(`${MAKING_CALL}codec.decoder: ${textOf(error)}`, { cause: error });
  }
}
