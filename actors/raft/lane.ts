/**
 * One connection to a peer, on which requests are written without waiting and answered in order.
 * It is dialled when there is something to send, and gone after any error; whoever waited is told.
 *
 * A connection that a partition has cut off looks like any other, and after the partition its
 * system may repeat what was lost only seconds later. So nobody waits long behind an answer that is
 * due: what is asked in a newer term, or after a timeout, goes over a new connection.
 */

import { toError } from '../../src/error-text.ts';
import type { RaftResponse, RaftRpc } from '../../src/wire/raft/messages.ts';
import { ResponseParser } from '../../src/wire/raft/transport.ts';
import type { ByteStream, Clock, TimerId } from '../../src/world/world.ts';

/** Time for one request and its answer (hashicorp/raft's transport). */
export const RPC_TIMEOUT_MS = 10_000;
/** Requests that wait for a connection; more fail at once. */
export const WAITING_MAX = 256;

/** The peer has ended the connection, in order or not, while an answer was due. */
export class ClosedByPeer extends Error {
  override readonly name = 'ClosedByPeer';
}

export interface LaneRequest {
  readonly rpc: RaftRpc;
  readonly term: number;
  /** Encoded when there is a connection. */
  encode(): Uint8Array;
  answered(response: RaftResponse['body']): void;
  failed(error: Error): void;
}

/** A request that has not been answered. */
interface Owed {
  readonly request: LaneRequest;
  readonly askedAtMs: number;
}

export interface LaneOptions {
  readonly clock: Clock;
  /** For a request from being asked to its answer, dialling included; the transport's when absent. */
  readonly timeoutMs?: number;
  dial(): Promise<ByteStream>;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #timeoutMs: number;
  #stream: ByteStream | undefined;
  #parser: ResponseParser | undefined;
  /** The attempt whose outcome is wanted. */
  #dialing: object | undefined;
  #waiting: Owed[] = [];
  #inFlight: Owed[] = [];
  #timer: TimerId | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? RPC_TIMEOUT_MS;
  }

  send(request: LaneRequest): void {
    const oldest = this.#oldest();
    if (oldest !== undefined && oldest.request.term < request.term) {
      this.#drop(new Error(`not answered before term ${request.term}`));
    }
    const owed = { request, askedAtMs: this.#options.clock.monotonic() };
    if (this.#closed) {
      request.failed(new Error('the peer is no longer followed'));
    } else if (this.#stream !== undefined) {
      this.#write(this.#stream, owed);
    } else if (this.#waiting.length >= WAITING_MAX) {
      request.failed(new Error('too many requests wait for a connection'));
    } else {
      this.#waiting.push(owed);
      this.#watch();
      this.#dial();
    }
  }

  close(): void {
    this.#closed = true;
    this.#drop(new Error('the peer is no longer followed'));
  }

  #dial(): void {
    if (this.#dialing !== undefined) return;
    const attempt = {};
    this.#dialing = attempt;
    this.#options.dial().then(
      (stream) => {
        if (this.#dialing === attempt) this.#connected(stream);
        else stream.destroy();
      },
      (error: unknown) => {
        if (this.#dialing === attempt) this.#drop(toError(error));
      },
    );
  }

  #connected(stream: ByteStream): void {
    this.#dialing = undefined;
    this.#stream = stream;
    const lost = (error: Error): void => {
      if (this.#stream === stream) this.#drop(error);
    };
    const parser = new ResponseParser({
      response: (_, error, body) => this.#answered(error, body),
      failed: (reason) => lost(new Error(`the peer does not speak raft: ${reason}`)),
    });
    this.#parser = parser;
    stream.listen({
      data: (chunk) => parser.feed(chunk),
      end: () => lost(new ClosedByPeer('the peer has closed the connection')),
      closed: (cause) =>
        lost(new ClosedByPeer(cause?.message ?? 'the connection is closed', { cause })),
    });
    for (const owed of this.#waiting.splice(0)) {
      if (this.#stream === stream) this.#write(stream, owed);
      else owed.request.failed(new Error('the connection is closed'));
    }
  }

  #write(stream: ByteStream, owed: Owed): void {
    const { request } = owed;
    this.#inFlight.push(owed);
    this.#parser?.expect(request.rpc);
    stream.write(request.encode());
    this.#watch();
  }

  #answered(error: string, body: RaftResponse['body'] | null): void {
    const { request } = this.#inFlight.shift() as Owed;
    if (error !== '' || body === null) request.failed(new Error(error || 'an empty answer'));
    else request.answered(body);
  }

  #oldest(): Owed | undefined {
    return this.#inFlight[0] ?? this.#waiting[0];
  }

  /** One timer a lane, looking at the oldest request. */
  #watch(): void {
    const oldest = this.#oldest();
    if (this.#timer !== undefined || oldest === undefined) return;
    const { clock } = this.#options;
    // After a stall of this process the answers that came meanwhile are read first.
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = clock.setTimeout(() => this.#judge(), 0);
      },
      Math.max(1, oldest.askedAtMs + this.#timeoutMs - clock.monotonic()),
    );
  }

  #judge(): void {
    this.#timer = undefined;
    const oldest = this.#oldest();
    if (oldest === undefined) return;
    const waitedMs = this.#options.clock.monotonic() - oldest.askedAtMs;
    if (waitedMs < this.#timeoutMs) this.#watch();
    else this.#drop(new Error(`no answer in ${this.#timeoutMs} ms: i/o timeout`));
  }

  #drop(error: Error): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#parser = undefined;
    this.#dialing = undefined;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    stream?.destroy();
    const lost = [...this.#inFlight.splice(0), ...this.#waiting.splice(0)];
    for (const { request } of lost) request.failed(error);
  }
}
