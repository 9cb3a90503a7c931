/** The calling side of one msgpack-RPC conversation: one call at a time. */

import { tryDecode } from '../../wire/msgpack/schema.ts';
import { ResponseHeader } from '../../wire/rpc/headers.ts';
import { ValueSplitter } from '../../wire/rpc/values.ts';
import type { ByteStream } from '../../world/world.ts';
import { STREAM_EOF } from '../errors.ts';

/** An answer: the error text, '' for success, and the undecoded body. */
export interface RpcAnswer {
  readonly error: string;
  readonly body: Buffer;
}

interface Pending {
  readonly resolve: (answer: RpcAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class CallStream {
  readonly #stream: ByteStream;
  readonly #splitter: ValueSplitter;
  #pending: Pending | undefined;
  #header: ResponseHeader | undefined;
  #failure: Error | undefined;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    this.#splitter = new ValueSplitter({
      value: (bytes) => this.#value(bytes),
      failed: (reason) => this.#fail(new Error(`answer is ${reason}`)),
    });
    stream.listen({
      data: (chunk) => this.#splitter.feed(chunk),
      end: () => this.#fail(new Error(STREAM_EOF)),
      closed: (error) => this.#fail(new Error(STREAM_EOF, error && { cause: error })),
    });
  }

  /** Whether the stream can take another call. */
  get usable(): boolean {
    return this.#failure === undefined && this.#pending === undefined;
  }

  /** Sends an encoded request and waits for its answer. Rejects with `EOF` when the stream ends. */
  exchange(request: Uint8Array): Promise<RpcAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#stream.write(request);
    });
  }

  /** Ends the conversation in order. */
  end(): void {
    this.#failure ??= new Error(STREAM_EOF);
    this.#stream.end();
  }

  /** Gives up on a call that is under way. */
  abandon(error: Error): void {
    this.#fail(error);
  }

  #value(bytes: Buffer): boolean {
    if (this.#pending === undefined) {
      this.#fail(new Error('answer without a request'));
      return false;
    }
    if (this.#header === undefined) return this.#readHeader(bytes);
    const { resolve } = this.#pending;
    const error = this.#header.Error;
    this.#pending = undefined;
    this.#header = undefined;
    resolve({ error, body: bytes });
    return true;
  }

  #readHeader(bytes: Buffer): boolean {
    const header = tryDecode(ResponseHeader, bytes);
    if (!header.ok) {
      this.#fail(new Error(`answer is malformed: ${header.text}`));
      return false;
    }
    this.#header = header.value;
    return true;
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#pending?.reject(error);
    this.#pending = undefined;
    this.#stream.destroy();
  }
}
