/**
 * The RPC server: takes connections that the port has sorted and serves methods on them, one
 * conversation each (`rpc-single`) or one for each stream of a yamux session (`rpc-multi`).
 */

import { YamuxSession } from '../../wire/yamux/session.ts';
import type { ByteStream, Clock } from '../../world/world.ts';
import type { RpcOrigin, ServedMethod } from '../method.ts';
import { type ConversationOptions, serveConversation } from './conversation.ts';
import { RpcRegistry } from './registry.ts';

/**
 * Bytes of incomplete requests that the streams of one session may keep; beyond it the session ends.
 * Enough for four of the largest at a time.
 */
export const SESSION_REQUEST_BYTES_MAX = 256 * 1024 * 1024;

export interface RpcServerOptions {
  readonly clock: Clock;
  readonly methods: readonly ServedMethod[];
  /** What those may call who have shown no certificate where one is demanded; default: nothing. */
  readonly insecureMethods?: readonly ServedMethod[];
  /** Answers a request; the default calls the method's own handler. The router forwards here. */
  readonly dispatch?: (
    served: ServedMethod,
    request: unknown,
    origin: RpcOrigin,
  ) => Promise<unknown>;
}

/** Counts since the start. */
export interface RpcServerCounts {
  readonly connections: number;
  readonly sessions: number;
  readonly streams: number;
  readonly calls: number;
  readonly failedCalls: number;
}

export class RpcServer {
  readonly registry: RpcRegistry;
  readonly insecureRegistry: RpcRegistry;
  readonly #clock: Clock;
  readonly #dispatch: NonNullable<RpcServerOptions['dispatch']>;
  readonly #sessions = new Set<YamuxSession>();
  readonly #singles = new Set<ByteStream>();
  #counts = { connections: 0, sessions: 0, streams: 0, calls: 0, failedCalls: 0 };

  constructor(options: RpcServerOptions) {
    this.registry = new RpcRegistry(options.methods);
    this.insecureRegistry = new RpcRegistry(options.insecureMethods);
    this.#clock = options.clock;
    this.#dispatch =
      options.dispatch ?? ((served, request, origin) => served.handle(request, origin));
  }

  counts(): RpcServerCounts {
    return { ...this.#counts };
  }

  /** Serves a connection that carries one conversation. */
  serveSingle(stream: ByteStream): void {
    this.#serveOne(stream, this.registry);
  }

  /** Serves a connection of type byte 7: one conversation, about few methods. */
  serveInsecure(stream: ByteStream): void {
    this.#serveOne(stream, this.insecureRegistry);
  }

  /** Serves a connection that carries a yamux session. */
  serveMulti(connection: ByteStream): void {
    this.#counts.connections += 1;
    this.#counts.sessions += 1;
    let heldBytes = 0;
    const held = (delta: number): void => {
      heldBytes += delta;
      if (heldBytes > SESSION_REQUEST_BYTES_MAX) session.close();
    };
    const session = new YamuxSession({
      connection,
      role: 'server',
      clock: this.#clock,
      accepted: (stream) => {
        this.#counts.streams += 1;
        this.#converse(stream, { whenRoom: (start) => session.whenRoom(stream, start), held });
      },
      closed: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
  }

  /** Ends all sessions and connections; what is being answered is not waited for. */
  close(): void {
    for (const session of [...this.#sessions]) session.close();
    for (const stream of [...this.#singles]) stream.destroy();
    this.#singles.clear();
  }

  #serveOne(stream: ByteStream, registry: RpcRegistry): void {
    this.#counts.connections += 1;
    this.#singles.add(stream);
    this.#converse(stream, { registry, over: () => this.#singles.delete(stream) });
  }

  #converse(stream: ByteStream, more: Partial<ConversationOptions>): void {
    serveConversation(stream, {
      registry: this.registry,
      dispatch: this.#dispatch,
      answered: (_method, error) => {
        this.#counts.calls += 1;
        if (error !== '') this.#counts.failedCalls += 1;
      },
      ...more,
    });
  }
}
