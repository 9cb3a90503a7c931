/** A stream that tells when it is gone, whoever owns it by then. */

import type { ByteStream, Endpoint, StreamListener, TlsFacts } from '../world/world.ts';

export class WatchedStream implements ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly tls?: TlsFacts;
  readonly #stream: ByteStream;
  #gone: (() => void) | undefined;
  #lost: { readonly error: Error | undefined } | undefined;

  /** `gone` is called once, when the stream has closed or its owner drops it. */
  constructor(stream: ByteStream, gone: () => void) {
    this.#stream = stream;
    this.#gone = gone;
    this.local = stream.local;
    this.remote = stream.remote;
    if (stream.tls !== undefined) this.tls = stream.tls;
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  /** The stream closed before anybody listened here: whoever listens is told then. */
  lost(error?: Error): void {
    this.#lost = { error };
    this.#tell();
  }

  listen(listener: StreamListener): void {
    const lost = this.#lost;
    if (lost !== undefined) {
      queueMicrotask(() => listener.closed?.(lost.error));
      return;
    }
    this.#stream.listen({
      data: (chunk) => listener.data(chunk),
      end: () => listener.end?.(),
      drain: () => listener.drain?.(),
      closed: (error) => {
        this.#tell();
        listener.closed?.(error);
      },
    });
  }

  unshift(chunk: Uint8Array): void {
    this.#stream.unshift(chunk);
  }

  write(chunk: Uint8Array): boolean {
    return this.#stream.write(chunk);
  }

  end(): void {
    this.#stream.end();
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error);
    this.#tell();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #tell(): void {
    const gone = this.#gone;
    this.#gone = undefined;
    gone?.();
  }
}
