/**
 * The serving side of one msgpack-RPC conversation: a stream of a yamux session, or a connection
 * of its own. Requests are answered strictly one after the other.
 */

import { textOf } from '../../error-text.ts';
import { decode, encode } from '../../wire/msgpack/schema.ts';
import {
  EMPTY_BODY,
  encodeResponse,
  RequestHeader,
  type ResponseHeader,
} from '../../wire/rpc/headers.ts';
import { ValueSplitter } from '../../wire/rpc/values.ts';
import type { ByteStream } from '../../world/world.ts';
import { hopsOf } from '../hops.ts';
import { type RpcOrigin, routeOf, type ServedMethod } from '../method.ts';
import type { RpcRegistry } from './registry.ts';

/** Pipelined bytes beyond which the peer is not read until the current request is answered. */
const PIPELINED_BYTES_MAX = 65_536;

export interface ConversationOptions {
  readonly registry: RpcRegistry;
  /** Answers a decoded request; forwards it where that is due. */
  readonly dispatch: (
    served: ServedMethod,
    request: unknown,
    origin: RpcOrigin,
  ) => Promise<unknown>;
  /** Calls back when there is room for one more answer to be encoded; at once when absent. */
  readonly whenRoom?: (start: () => void) => void;
  /** Change in bytes of requests that are kept because they are not complete, or not due. */
  readonly held?: (delta: number) => void;
  /** A request was answered: its method's name and the error text, '' for success. */
  readonly answered?: (method: string, error: string) => void;
  /** The stream is gone. */
  readonly over?: () => void;
}

/** Serves `stream` until it ends. */
export function serveConversation(stream: ByteStream, options: ConversationOptions): void {
  new Conversation(stream, options).start();
}

class Conversation {
  readonly #stream: ByteStream;
  readonly #options: ConversationOptions;
  readonly #splitter: ValueSplitter;
  #abort = new AbortController();
  #header: RequestHeader | undefined;
  #busy = false;
  #blockingQuery = false;
  #paused = false;
  #ended = false;
  #over = false;
  #heldBytes = 0;

  constructor(stream: ByteStream, options: ConversationOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#splitter = new ValueSplitter({
      value: (bytes) => this.#value(bytes),
      failed: () => this.#foreign(),
    });
  }

  start(): void {
    this.#stream.listen({
      data: (chunk) => this.#data(chunk),
      end: () => this.#peerEnded(),
      closed: () => this.#closed(),
    });
  }

  #data(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#splitter.feed(chunk);
    this.#hold(this.#splitter.heldBytes);
    if (this.#busy && this.#splitter.heldBytes > PIPELINED_BYTES_MAX) {
      this.#paused = true;
      this.#stream.pause();
    }
  }

  /** The peer will ask nothing more. Nobody half-closes to wait for a blocking query. */
  #peerEnded(): void {
    this.#ended = true;
    if (!this.#busy) this.#finish();
    else if (this.#blockingQuery) this.#abort.abort();
  }

  #hold(bytes: number): void {
    const delta = bytes - this.#heldBytes;
    this.#heldBytes = bytes;
    if (delta !== 0) this.#options.held?.(delta);
  }

  #closed(): void {
    this.#over = true;
    this.#hold(0);
    this.#abort.abort();
    this.#options.over?.();
  }

  #finish(): void {
    this.#over = true;
    this.#stream.end();
  }

  #value(bytes: Buffer): boolean {
    if (this.#header === undefined) return this.#readHeader(bytes);
    const header = this.#header;
    this.#header = undefined;
    this.#busy = true;
    void this.#answer(header, bytes);
    return false;
  }

  #readHeader(bytes: Buffer): boolean {
    try {
      this.#header = decode(RequestHeader, bytes);
      return true;
    } catch {
      this.#finish();
      return false;
    }
  }

  /** Bytes that are no msgpack: within a body that is an answerable error, elsewhere it is not. */
  #foreign(): void {
    const header = this.#header;
    if (header === undefined) this.#finish();
    else this.#refuse(header, 'codec.decoder: readContainerLen: Unrecognized descriptor byte');
  }

  async #answer(header: RequestHeader, body: Buffer): Promise<void> {
    const found = this.#options.registry.lookup(header.ServiceMethod);
    if (!found.found) return this.#refuse(header, found.error);
    let request: unknown;
    try {
      request = decode(found.served.method.request, body);
    } catch (error) {
      return this.#refuse(header, `codec.decoder: ${textOf(error)}`);
    }
    this.#blockingQuery = routeOf(found.served.method, request).blockingMs !== undefined;
    let reply: unknown;
    try {
      const { signal } = this.#abort;
      const origin = { remote: this.#stream.remote, signal, hops: hopsOf(header.Seq) };
      reply = await this.#options.dispatch(found.served, request, origin);
    } catch (error) {
      this.#fail(header, error);
      return;
    }
    const { whenRoom } = this.#options;
    const say = (): void => this.#reply(header, found.served, reply);
    // Many large answers that nobody reads would fill the memory.
    if (whenRoom === undefined || this.#over) say();
    else whenRoom(say);
  }

  #reply(header: RequestHeader, served: ServedMethod, reply: unknown): void {
    let answer: Uint8Array;
    try {
      answer = encode(served.method.reply, reply);
    } catch (error) {
      this.#fail(header, error);
      return;
    }
    this.#respond(header, '', answer);
    this.#next();
  }

  #fail(header: RequestHeader, error: unknown): void {
    // An empty text would read as success.
    this.#respond(header, textOf(error) || 'unknown error', EMPTY_BODY);
    this.#next();
  }

  #next(): void {
    this.#busy = false;
    this.#blockingQuery = false;
    if (this.#over) return;
    this.#splitter.resume();
    this.#hold(this.#splitter.heldBytes);
    if (this.#busy) return;
    if (this.#ended) this.#finish();
    else if (this.#paused) {
      this.#paused = false;
      this.#stream.resume();
    }
  }

  #refuse(header: RequestHeader, text: string): void {
    this.#respond(header, text, EMPTY_BODY);
    if (!this.#over) this.#finish();
  }

  #respond(header: RequestHeader, error: string, body: Uint8Array): void {
    this.#options.answered?.(header.ServiceMethod, error);
    if (this.#over) return;
    const response: ResponseHeader = {
      ServiceMethod: header.ServiceMethod,
      Seq: header.Seq,
      Error: error,
    };
    this.#stream.write(encodeResponse(response, body));
  }
}
