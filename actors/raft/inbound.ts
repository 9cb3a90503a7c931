/**
 * Connections that peers have opened: requests in, answers out in the order of the requests. What
 * arrives in one piece goes to the node as one batch.
 */

import type { RaftRequest, RaftResponse } from '../../src/wire/raft/messages.ts';
import { encodeResponse, RequestParser } from '../../src/wire/raft/transport.ts';
import type { ByteStream, Clock } from '../../src/world/world.ts';

/** Requests of one connection that wait for their answer; beyond, it is not read from. */
export const UNANSWERED_MAX = 256;
/** Connections at once; more are closed at once. */
export const CONNECTIONS_MAX = 512;
/** Bytes of a snapshot that wait to be written; beyond, the connection is not read from. */
const STATE_BYTES_MAX = 1024 * 1024;
/**
 * A snapshot of which nothing comes for so long is given up: its sender may have lost power, and
 * then nothing says so. A leader allows as much for each of its pieces.
 */
const STATE_SILENCE_MS = 10_000;

export interface TicketedRequest {
  readonly ticket: number;
  readonly request: RaftRequest;
}

export interface InboundListener {
  requests(requests: readonly TicketedRequest[]): void;
  /** A connection ended by foreign bytes, or by a fault of its own. */
  lost(stream: ByteStream, reason: string): void;
  /** A connection has ended on which the server at `address` spoke as leader. */
  leaderHungUp(address: string): void;
}

export class Inbound {
  readonly #clock: Clock;
  readonly #listener: InboundListener;
  readonly #connections = new Set<Connection>();
  readonly #byTicket = new Map<number, Connection>();
  #tickets = 0;

  constructor(clock: Clock, listener: InboundListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  accept(stream: ByteStream): void {
    if (this.#connections.size >= CONNECTIONS_MAX) {
      this.#listener.lost(stream, 'too many raft connections');
      stream.destroy();
      return;
    }
    const connection = new Connection(stream, this.#clock, {
      ticket: () => ++this.#tickets,
      requests: (requests) => {
        for (const { ticket } of requests) this.#byTicket.set(ticket, connection);
        this.#listener.requests(requests);
      },
      ended: (tickets, reason, leader) => {
        this.#connections.delete(connection);
        for (const ticket of tickets) this.#byTicket.delete(ticket);
        if (reason !== undefined) this.#listener.lost(stream, reason);
        if (leader !== '') this.#listener.leaderHungUp(leader);
      },
    });
    this.#connections.add(connection);
    connection.start();
  }

  /** Answers a request. An answer to a connection that is gone is dropped. */
  answer(ticket: number, error: string, response: RaftResponse | null): void {
    const connection = this.#byTicket.get(ticket);
    this.#byTicket.delete(ticket);
    connection?.answer(ticket, encodeResponse(error, response));
  }

  /** The bytes that follow an install-snapshot request; rejects when they end too early. */
  state(ticket: number): AsyncIterable<Uint8Array> {
    const connection = this.#byTicket.get(ticket);
    return connection === undefined ? nothing() : connection.state(ticket);
  }

  close(): void {
    for (const connection of [...this.#connections]) connection.close();
  }
}

// biome-ignore lint/correctness/useYield: a stream that ends before it begins
async function* nothing(): AsyncIterable<Uint8Array> {
  throw new Error('the connection of the snapshot is gone');
}

interface ConnectionListener {
  ticket(): number;
  requests(requests: readonly TicketedRequest[]): void;
  ended(tickets: readonly number[], reason: string | undefined, leader: string): void;
}

interface Awaited {
  readonly ticket: number;
  bytes: Buffer | undefined;
}

/** A snapshot's bytes on their way from the connection to whoever reads them, or to nobody. */
interface StateFlow {
  readonly ticket: number;
  chunks: Uint8Array[];
  bytes: number;
  left: number;
  wake: (() => void) | undefined;
  /** Nobody wants them: they are read and forgotten. */
  ignored: boolean;
}

class Connection {
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #listener: ConnectionListener;
  readonly #parser: RequestParser;
  #queue: Awaited[] = [];
  #batch: TicketedRequest[] = [];
  #flow: StateFlow | undefined;
  #paused = false;
  #ended = false;
  /** Address of who speaks as leader here; empty when nobody does. */
  #leader = '';

  constructor(stream: ByteStream, clock: Clock, listener: ConnectionListener) {
    this.#stream = stream;
    this.#clock = clock;
    this.#listener = listener;
    this.#parser = new RequestParser({
      request: (request) => this.#request(request),
      state: (chunk, left) => this.#state(chunk, left),
      failed: (reason) => this.#end(reason),
    });
  }

  start(): void {
    this.#stream.listen({
      data: (chunk) => this.#data(chunk),
      end: () => this.#end(undefined),
      drain: () => this.#pace(),
      closed: (error) => this.#end(error?.message),
    });
  }

  close(): void {
    this.#end(undefined);
  }

  answer(ticket: number, bytes: Buffer): void {
    const awaited = this.#queue.find((one) => one.ticket === ticket);
    if (awaited !== undefined) awaited.bytes = bytes;
    const flow = this.#flow;
    if (flow?.ticket === ticket && flow.left > 0) {
      flow.ignored = true;
      flow.chunks = [];
      flow.bytes = 0;
    }
    this.#flush();
    this.#pace();
  }

  async *state(ticket: number): AsyncIterable<Uint8Array> {
    const flow = this.#flow;
    if (flow === undefined || flow.ticket !== ticket) return;
    for (;;) {
      const chunk = flow.chunks.shift();
      if (chunk !== undefined) {
        flow.bytes -= chunk.length;
        this.#pace();
        yield chunk;
      } else if (flow.left === 0) {
        return;
      } else if (this.#ended) {
        throw new Error('short read: the connection of the snapshot is gone');
      } else {
        await this.#more(flow);
      }
    }
  }

  /** More of the state is here, or the connection has ended; it is ended when neither comes. */
  #more(flow: StateFlow): Promise<void> {
    return new Promise((resolve) => {
      const silence = `no byte of a snapshot came for ${STATE_SILENCE_MS} ms: i/o timeout`;
      const timer = this.#clock.setTimeout(() => this.#end(silence), STATE_SILENCE_MS);
      flow.wake = () => {
        this.#clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  #data(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#parser.feed(chunk);
    const batch = this.#batch;
    this.#batch = [];
    if (batch.length > 0 && !this.#ended) this.#listener.requests(batch);
    this.#pace();
  }

  #request(request: RaftRequest): void {
    const ticket = this.#listener.ticket();
    this.#queue.push({ ticket, bytes: undefined });
    this.#batch.push({ ticket, request });
    if (request.rpc === 'append-entries') this.#leader = request.body.Addr || request.body.Leader;
    if (request.rpc !== 'install-snapshot') return;
    const left = request.body.Size;
    this.#flow = { ticket, chunks: [], bytes: 0, left, wake: undefined, ignored: false };
  }

  #state(chunk: Uint8Array, left: number): void {
    const flow = this.#flow as StateFlow;
    flow.left = left;
    if (!flow.ignored) {
      flow.chunks.push(chunk);
      flow.bytes += chunk.length;
    }
    flow.wake?.();
    flow.wake = undefined;
    if (left === 0) this.#flush();
  }

  /** Writes the answers that are next in order. One to a snapshot waits until all of it is read. */
  #flush(): void {
    while (!this.#ended) {
      const first = this.#queue[0];
      if (first?.bytes === undefined) return;
      if (this.#flow?.ticket === first.ticket && this.#flow.left > 0) return;
      this.#queue.shift();
      this.#stream.write(first.bytes);
    }
  }

  /** Reads on or waits, by what is pending. */
  #pace(): void {
    if (this.#ended) return;
    const waiting =
      this.#queue.length > UNANSWERED_MAX || (this.#flow?.bytes ?? 0) > STATE_BYTES_MAX;
    if (waiting === this.#paused) return;
    this.#paused = waiting;
    if (waiting) this.#stream.pause();
    else this.#stream.resume();
  }

  #end(reason: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.destroy();
    this.#flow?.wake?.();
    this.#listener.ended(
      this.#queue.map((one) => one.ticket),
      reason,
      this.#leader,
    );
  }
}
