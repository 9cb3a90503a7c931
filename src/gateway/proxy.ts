/**
 * The data path of the gateway: reads who a TLS connection is for, finds where that is, connects,
 * and from then on only passes bytes. TLS is not ended here: the gateway holds no key and sees
 * nothing of what is said.
 */

import type { Log } from '../log.ts';
import type { ByteStream, Clock, Network, TimerId } from '../world/world.ts';
import { Candidates } from './candidates.ts';
import { type ClientHello, ClientHelloReader } from './client-hello.ts';
import { Complaints } from './complaints.ts';
import {
  createCounters,
  type GatewayCounters,
  type MutableCounters,
  type RefusalReason,
} from './counters.ts';
import type { Address } from './instances.ts';
import { GATEWAY_LIMITS, type GatewayLimits } from './limits.ts';
import {
  addressText,
  findRoute,
  knownNames,
  NO_ROUTES,
  type Route,
  type RouteTable,
} from './routes.ts';
import { type Splice, splice } from './splice.ts';

/** Names that a complaint about an unknown one lists. */
const NAMES_SHOWN_MAX = 12;

export interface GatewayProxyOptions {
  readonly network: Pick<Network, 'connectTcp'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: GatewayLimits;
  /**
   * The gateway's own loopback address, where it has one. To a loopback address the system connects
   * from 127.0.0.1, and servers that look at who comes would not know the gateway.
   */
  readonly loopback?: string;
}

export class GatewayProxy {
  readonly #options: GatewayProxyOptions;
  readonly #limits: GatewayLimits;
  readonly #counters: MutableCounters = createCounters();
  readonly #candidates = new Candidates();
  readonly #complaints: Complaints;
  readonly #connections = new Set<Connection>();
  #routes: RouteTable = NO_ROUTES;
  #drained: (() => void) | undefined;

  constructor(options: GatewayProxyOptions) {
    this.#options = options;
    this.#limits = options.limits ?? GATEWAY_LIMITS;
    this.#complaints = new Complaints(options.log);
  }

  get counters(): GatewayCounters {
    return { ...this.#counters, active: this.#connections.size };
  }

  /** Connections made from now on go by these; those that are open stay. */
  update(routes: RouteTable): void {
    this.#routes = routes;
  }

  /** Takes an accepted connection. */
  accept(stream: ByteStream): void {
    this.#counters.accepted += 1;
    if (this.#drained !== undefined) {
      this.#turnAway(stream, 'closing');
      return;
    }
    if (this.#connections.size >= this.#limits.connectionsMax) {
      const limit = this.#limits.connectionsMax;
      this.#complain('connection refused: too many', '', { limit });
      this.#turnAway(stream, 'too many');
      return;
    }
    const connection = new Connection(stream, {
      ...this.#options,
      limits: this.#limits,
      counters: this.#counters,
      candidates: this.#candidates,
      routeFor: (hello) => this.#routeFor(hello, stream),
      complain: (text, subject, fields) => this.#complain(text, subject, fields),
      finished: () => this.#forget(connection),
    });
    this.#connections.add(connection);
    connection.start();
  }

  /** Takes no more, lets what is open finish, and cuts what is left after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void> {
    if (this.#connections.size === 0) {
      this.#drained ??= () => {};
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimeout(() => this.destroy(), timeoutMs);
      this.#drained = () => {
        this.#options.clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Cuts everything. */
  destroy(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #routeFor(hello: ClientHello, stream: ByteStream): Route | RefusalReason {
    if (hello.serverName === null) {
      const from = stream.remote.address;
      this.#complain('connection refused: no server name (SNI)', '', { from });
      return 'no name';
    }
    const route = findRoute(this.#routes, hello.serverName);
    if (route !== undefined) return route;
    this.#complain('connection refused: unknown server name (SNI)', hello.serverName, {
      name: hello.serverName,
      alpn: hello.alpn,
      from: stream.remote.address,
      known: knownNames(this.#routes, NAMES_SHOWN_MAX),
    });
    return 'unknown name';
  }

  #complain(text: string, subject: string, fields: Readonly<Record<string, unknown>>): void {
    this.#complaints.warn(text, subject, fields, this.#options.clock.monotonic());
  }

  #turnAway(stream: ByteStream, reason: RefusalReason): void {
    this.#counters.refused[reason] += 1;
    stream.listen({ data: () => {} });
    stream.destroy();
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#drained?.();
  }
}

interface ConnectionOptions extends GatewayProxyOptions {
  readonly limits: GatewayLimits;
  readonly counters: MutableCounters;
  readonly candidates: Candidates;
  routeFor(hello: ClientHello): Route | RefusalReason;
  complain(text: string, subject: string, fields: Readonly<Record<string, unknown>>): void;
  finished(): void;
}

/** One accepted connection, from its first byte to its end. */
class Connection {
  readonly #near: ByteStream;
  readonly #options: ConnectionOptions;
  readonly #reader = new ClientHelloReader();
  #timer: TimerId | undefined;
  #splice: Splice | undefined;
  #over = false;

  constructor(near: ByteStream, options: ConnectionOptions) {
    this.#near = near;
    this.#options = options;
  }

  start(): void {
    const { clock, limits } = this.#options;
    this.#timer = clock.setTimeout(() => this.#refuse('timeout'), limits.helloTimeoutMs);
    this.#near.listen({
      data: (chunk) => this.#read(chunk),
      end: () => this.#refuse('gone'),
      closed: () => this.#refuse('gone'),
    });
  }

  destroy(): void {
    if (this.#splice) this.#splice.destroy();
    else this.#refuse('closing');
  }

  #read(chunk: Uint8Array): void {
    const outcome = this.#reader.push(chunk);
    if (outcome.state === 'incomplete') return;
    this.#stopTimer();
    // Nothing more is read until the other side is there; what has been read waits in the reader.
    this.#near.pause();
    if (outcome.state === 'refused') {
      const from = this.#near.remote.address;
      const text = `connection refused: ${outcome.reason}`;
      this.#options.complain(text, from, { from });
      this.#refuse(outcome.reason);
      return;
    }
    const route = this.#options.routeFor(outcome.hello);
    if (typeof route === 'string') this.#refuse(route);
    else void this.#connect(route);
  }

  async #connect(route: Route): Promise<void> {
    const { candidates, clock, complain, counters, limits } = this.#options;
    const addresses = candidates.order(route, clock.monotonic()).slice(0, limits.attemptsMax);
    const errors: string[] = [];
    for (const [place, address] of addresses.entries()) {
      const last = place === addresses.length - 1;
      const timeoutMs = last ? limits.connectLastTimeoutMs : limits.connectFirstTimeoutMs;
      const far = await this.#dial(address, timeoutMs);
      if (this.#over) {
        if (!(far instanceof Error)) discard(far);
        return;
      }
      if (far instanceof Error) {
        counters.connectFailures += 1;
        candidates.failed(address, clock.monotonic());
        errors.push(far.message);
        continue;
      }
      candidates.succeeded(address);
      if (place > 0) counters.failovers += 1;
      this.#join(far);
      return;
    }
    const reason = errors.length === 0 ? 'no address is known' : errors.join('; ');
    complain(`cannot reach ${route.name}`, route.name, { reason, leads: route.leads });
    this.#refuse('unreachable');
  }

  async #dial(address: Address, timeoutMs: number): Promise<ByteStream | Error> {
    try {
      const { loopback, network } = this.#options;
      const from =
        loopback !== undefined && isLoopback(address.host) ? { sourceAddress: loopback } : {};
      return await network.connectTcp({ ...address, timeoutMs, ...from });
    } catch (error) {
      if (error instanceof Error) return error;
      return new Error(`dial ${addressText(address)}: ${String(error)}`);
    }
  }

  #join(far: ByteStream): void {
    const { counters } = this.#options;
    counters.proxied += 1;
    this.#over = true;
    const head = this.#reader.bytes;
    this.#near.unshift(head);
    this.#splice = splice(
      this.#near,
      far,
      {
        forward: (bytes) => {
          counters.bytesForward += bytes;
        },
        backward: (bytes) => {
          counters.bytesBackward += bytes;
        },
      },
      () => this.#options.finished(),
    );
  }

  #refuse(reason: RefusalReason): void {
    this.#stopTimer();
    if (this.#over) return;
    this.#over = true;
    this.#options.counters.refused[reason] += 1;
    this.#near.destroy();
    this.#options.finished();
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Loopback addresses of IPv4: 127.0.0.0/8 (RFC 1122, 3.2.1.3). */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.');
}

function discard(stream: ByteStream): void {
  stream.listen({ data: () => {} });
  stream.destroy();
}
