/**
 * Takes a call where it belongs: to the handler of this very server, to the leader, or to a server
 * of another datacenter; on a client agent to one of its servers. The rules are Consul's.
 */

import { textOf } from '../error-text.ts';
import type { Clock, Random } from '../world/world.ts';
import type { CallControl, RpcPool } from './client/pool.ts';
import {
  GETTING_CLIENT,
  isRetryable,
  NO_LEADER,
  NO_PATH_TO_DATACENTER,
  NO_REMOTE_SERVER,
  NO_SERVERS,
  STREAM_EOF,
  wasNeverSent,
  wasNotTaken,
} from './errors.ts';
import { HOPS_MAX } from './hops.ts';
import { LeaderCalls } from './leader-calls.ts';
import {
  type RpcCaller,
  RpcError,
  type RpcMethod,
  type RpcOrigin,
  type RpcRoute,
  routeOf,
  type ServedMethod,
} from './method.ts';
import type { RouterView, RpcServerEntry } from './router-view.ts';
import type { RpcRegistry } from './server/registry.ts';

/** How long a call may wait for a leader (`performance.rpc_hold_timeout`). */
export const HOLD_TIMEOUT_MS = 7_000;
/** Retries come after a random part of the hold time over this. */
const JITTER_DIVISOR = 16;

/** What became of a call, for the order of servers and the health of datacenters. */
export type CallReport =
  | {
      readonly type: 'call.failed';
      readonly datacenter: string;
      readonly node: string;
      readonly error: string;
    }
  | { readonly type: 'call.succeeded'; readonly datacenter: string };

export interface ForwarderOptions {
  readonly role: 'server' | 'client';
  readonly node: string;
  readonly primaryDatacenter: string;
  readonly pool: RpcPool;
  /** Methods of this server; a client agent has none. */
  readonly registry?: RpcRegistry;
  /** The router's latest view. */
  readonly view: () => RouterView;
  readonly report: (report: CallReport) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly holdTimeoutMs?: number;
}

/**
 * A server holds a call that was forwarded at most this often: from another datacenter to this one,
 * or by a follower. Those that were passed on further are held by one of the servers before.
 */
const HELD_HOPS_MAX = 1;

export class RpcForwarder implements RpcCaller {
  readonly #options: ForwarderOptions;
  /** Calls that wait before they are tried again. */
  readonly #held = new Set<() => void>();
  readonly #atLeader: LeaderCalls;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#atLeader = new LeaderCalls(options.clock);
  }

  /** Another leader, or none, is known from now on: who waits for one need not wait any longer. */
  leaderChanged(): void {
    const { leading, leader } = this.#options.view();
    const leads = leading ? this.#options.node : leader?.node;
    if (leads !== undefined) this.#atLeader.ledBy(leads);
    for (const wake of [...this.#held]) wake();
  }

  /** Calls as a local client of this agent would. */
  async call<Request, Reply>(
    method: RpcMethod<Request, Reply>,
    request: Request,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Reply> {
    const origin: RpcOrigin = { remote: null, signal, hops: 0 };
    try {
      return await this.#take(method, request, origin, () => {
        const found = this.#options.registry?.lookup(method.name);
        if (found === undefined) throw new RpcError(NO_SERVERS);
        if (!found.found) throw new RpcError(found.error);
        return found.served.handle(request, origin) as Promise<Reply>;
      });
    } catch (error) {
      if (error instanceof RpcError) throw error;
      throw new RpcError(textOf(error), { cause: error });
    }
  }

  /** Answers a request that came in over the wire. */
  dispatch(served: ServedMethod, request: unknown, origin: RpcOrigin): Promise<unknown> {
    return this.#take(served.method, request, origin, () => served.handle(request, origin));
  }

  async #take<Request, Reply>(
    method: RpcMethod<Request, Reply>,
    request: Request,
    origin: RpcOrigin,
    local: () => Promise<Reply>,
  ): Promise<Reply> {
    if (this.#options.role === 'client') return this.#toServer(method, request, origin);
    const route = routeOf(method, request);
    if (route.to === 'here') return local();
    const view = this.#options.view();
    const datacenter = this.#targetDatacenter(route, view);
    if (datacenter !== view.datacenter) {
      return this.#toDatacenter(datacenter, view, method, request, origin);
    }
    if (route.to === 'datacenter') return local();
    if (route.allowStale && view.heardFromLeader) return local();
    return this.#toLeader(route, method, request, origin, local);
  }

  #targetDatacenter(route: RpcRoute, view: RouterView): string {
    if (route.to === 'primary') return this.#options.primaryDatacenter;
    return route.datacenter === '' ? view.datacenter : route.datacenter;
  }

  /** One server of the other datacenter, once: its answer is returned as it is. */
  async #toDatacenter<Request, Reply>(
    name: string,
    view: RouterView,
    method: RpcMethod<Request, Reply>,
    request: Request,
    origin: RpcOrigin,
  ): Promise<Reply> {
    const datacenter = view.datacenters.find((known) => known.name === name);
    // Too many hops: servers take each other for those of that datacenter.
    if (datacenter === undefined || (origin.hops ?? 0) >= HOPS_MAX) {
      throw new RpcError(NO_PATH_TO_DATACENTER);
    }
    const [server] = datacenter.servers;
    if (server === undefined || datacenter.health === 'offline') {
      throw new RpcError(NO_REMOTE_SERVER);
    }
    return this.#callServer(server, method, request, origin);
  }

  /** The leader of the own datacenter, waited for during the hold time. */
  #toLeader<Request, Reply>(
    route: RpcRoute,
    method: RpcMethod<Request, Reply>,
    request: Request,
    origin: RpcOrigin,
    local: () => Promise<Reply>,
  ): Promise<Reply> {
    // A leader that is gone, or leads no more, will have a successor, which is waited for.
    const retryable = (error: unknown) =>
      isRetryable(error, route.access) || wasNeverSent(error) || wasNotTaken(error);
    return this.#hold(retryable, origin, () => {
      const { leading, leader } = this.#options.view();
      if (leading) return local();
      // A leader that has not heard of its election, and one that servers pass around.
      const stray = leader?.node === this.#options.node || (origin.hops ?? 0) >= HOPS_MAX;
      if (leader === null || stray) return Promise.reject(new RpcError(NO_LEADER));
      return this.#atLeader.ask(leader.node, route.access, (control) =>
        this.#callServer(leader, method, request, origin, control),
      );
    });
  }

  /** A client agent: the first server of its list, another one when that fails. */
  #toServer<Request, Reply>(
    method: RpcMethod<Request, Reply>,
    request: Request,
    origin: RpcOrigin,
  ): Promise<Reply> {
    const { access } = routeOf(method, request);
    return this.#hold(
      (error) => isRetryable(error, access),
      origin,
      () => {
        const view = this.#options.view();
        const own = view.datacenters.find(({ name }) => name === view.datacenter);
        const [server] = own?.servers ?? [];
        if (server === undefined) return Promise.reject(new RpcError(NO_SERVERS));
        return this.#callServer(server, method, request, origin);
      },
    );
  }

  /** Tries again what may be tried again, for the hold time after the first failure. */
  async #hold<Reply>(
    retryable: (error: unknown) => boolean,
    origin: RpcOrigin,
    attempt: () => Promise<Reply>,
  ): Promise<Reply> {
    const { clock, random } = this.#options;
    const holdMs = this.#options.holdTimeoutMs ?? HOLD_TIMEOUT_MS;
    let until: number | undefined;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const final = !retryable(error) || origin.signal.aborted;
        if (final || (origin.hops ?? 0) > HELD_HOPS_MAX) throw error;
        until ??= clock.monotonic() + holdMs;
        if (clock.monotonic() >= until) throw error;
      }
      await this.#pause((random.float() * holdMs) / JITTER_DIVISOR, origin.signal);
    }
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const over = (): void => {
        clock.clearTimeout(timer);
        signal.removeEventListener('abort', over);
        this.#held.delete(over);
        resolve();
      };
      this.#held.add(over);
      const timer = clock.setTimeout(over, ms);
      signal.addEventListener('abort', over);
    });
  }

  async #callServer<Request, Reply>(
    server: RpcServerEntry,
    method: RpcMethod<Request, Reply>,
    request: Request,
    origin: RpcOrigin,
    control?: CallControl,
  ): Promise<Reply> {
    const hops = (origin.hops ?? 0) + (this.#options.role === 'server' ? 1 : 0);
    try {
      const options = { signal: origin.signal, hops, ...(control !== undefined && { control }) };
      const reply = await this.#options.pool.call(server, method, request, options);
      this.#noteSuccess(server.datacenter);
      return reply;
    } catch (error) {
      if (didNotGetThrough(error) && !origin.signal.aborted && !control?.cancelled) {
        const { node, datacenter } = server;
        this.#options.report({ type: 'call.failed', node, datacenter, error: textOf(error) });
      }
      throw error;
    }
  }

  /** Told only when it is news. */
  #noteSuccess(name: string): void {
    const known = this.#options.view().datacenters.find((datacenter) => datacenter.name === name);
    if (known === undefined || known.health === 'reachable') return;
    this.#options.report({ type: 'call.succeeded', datacenter: name });
  }
}

/** A failure of the way, not an answer of the server. */
function didNotGetThrough(error: unknown): boolean {
  const text = textOf(error);
  return (
    text.startsWith(GETTING_CLIENT) ||
    text.endsWith(`: ${STREAM_EOF}`) ||
    text.includes('i/o deadline reached')
  );
}
