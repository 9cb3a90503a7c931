/**
 * One connection to a peer, on which requests are written without waiting and answered in order.
 * It is dialled when there is something to send, and gone after any error; whoever waited is told.
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
  /** Encoded when there is a connection. */
  encode(): Uint8Array;
  answered(response: RaftResponse['body']): void;
  failed(error: Error): void;
}

interface InFlight {
  readonly request: LaneRequest;
  readonly sentAtMs: number;
}

export interface LaneOptions {
  readonly clock: Clock;
  dial(): Promise<ByteStream>;
}

export class Lane {
  readonly #options: LaneOptions;
  #stream: ByteStream | undefined;
  #parser: ResponseParser | undefined;
  #dialing = false;
  #waiting: LaneRequest[] = [];
  #inFlight: InFlight[] = [];
  #timer: TimerId | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  send(request: LaneRequest): void {
    if (this.#closed) {
      request.failed(new Error('the peer is no longer followed'));
    } else if (this.#stream !== undefined) {
      this.#write(this.#stream, request);
    } else if (this.#waiting.length >= WAITING_MAX) {
      request.failed(new Error('too many requests wait for a connection'));
    } else {
      this.#waiting.push(request);
      this.#dial();
    }
  }

  close(): void {
    this.#closed = true;
    this.#drop(new Error('the peer is no longer followed'));
  }

  #dial(): void {
    if (this.#dialing) return;
    this.#dialing = true;
    this.#options.dial().then(
      (stream) => {
        this.#dialing = false;
        if (this.#closed) stream.destroy();
        else this.#connected(stream);
      },
      (error: unknown) => {
        this.#dialing = false;
        this.#drop(toError(error));
      },
    );
  }

  #connected(stream: ByteStream): void {
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
    for (const request of this.#waiting.splice(0)) {
      if (this.#stream === stream) this.#write(stream, request);
      else request.failed(new Error('the connection is closed'));
    }
  }

  #write(stream: ByteStream, request: LaneRequest): void {
    this.#inFlight.push({ request, sentAtMs: this.#options.clock.monotonic() });
    this.#parser?.expect(request.rpc);
    stream.write(request.encode());
    this.#watch();
  }

  #answered(error: string, body: RaftResponse['body'] | null): void {
    const { request } = this.#inFlight.shift() as InFlight;
    if (error !== '' || body === null) request.failed(new Error(error || 'an empty answer'));
    else request.answered(body);
  }

  /** One timer a lane, looking at the oldest request. */
  #watch(): void {
    const oldest = this.#inFlight[0];
    if (this.#timer !== undefined || oldest === undefined) return;
    const { clock } = this.#options;
    const waitMs = Math.max(1, oldest.sentAtMs + RPC_TIMEOUT_MS - clock.monotonic());
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      const first = this.#inFlight[0];
      if (first === undefined) return;
      if (clock.monotonic() - first.sentAtMs < RPC_TIMEOUT_MS) this.#watch();
      else this.#drop(new Error(`no answer in ${RPC_TIMEOUT_MS} ms: i/o timeout`));
    }, waitMs);
  }

  #drop(error: Error): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#parser = undefined;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    stream?.destroy();
    const lost = [
      ...this.#inFlight.splice(0).map((one) => one.request),
      ...this.#waiting.splice(0),
    ];
    for (const request of lost) request.failed(error);
  }
}
