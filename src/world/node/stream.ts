/** A TCP or TLS socket of Node as a `ByteStream`. */

import type { Socket } from 'node:net';
import { endpointText, systemErrorFrom } from '../errors.ts';
import type { ByteStream, Endpoint, StreamListener, TlsFacts } from '../world.ts';

/** Turns the error of a socket into the one that its owner sees. */
export type ErrorReader = (error: Error) => Error;

/** What a TLS handshake takes over from a stream: its socket, with nothing read from it lost. */
export function takeSocket(stream: ByteStream): Socket {
  if (!(stream instanceof NodeStream)) {
    throw new TypeError('a TLS handshake of the node world needs a stream of the node world');
  }
  return stream.release();
}

export class NodeStream implements ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly tls?: TlsFacts;
  readonly #socket: Socket;
  readonly #readError: ErrorReader;
  #listener: StreamListener | undefined;
  /** Bytes put back, in order of delivery. They go before anything the socket still has. */
  #returned: Uint8Array[] = [];
  #paused = false;
  #ended = false;
  #error: Error | undefined;
  #gone = false;
  #goneTold = false;
  #deliveryScheduled = false;

  constructor(socket: Socket, options: { tls?: TlsFacts; readError?: ErrorReader } = {}) {
    this.#socket = socket;
    this.local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    this.remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    if (options.tls) this.tls = options.tls;
    const attempt = `tcp ${endpointText(this.local)}->${endpointText(this.remote)}`;
    this.#readError = options.readError ?? ((error) => systemErrorFrom(error, attempt));
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  listen(listener: StreamListener): void {
    const first = this.#listener === undefined;
    this.#listener = listener;
    this.#paused = false;
    if (first) {
      this.#socket.on('end', this.#onEnd);
      this.#socket.on('drain', this.#onDrain);
      this.#socket.pause();
      this.#socket.on('data', this.#onData);
    }
    this.#scheduleDelivery();
  }

  unshift(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#returned.unshift(chunk);
    this.#socket.pause();
    this.#scheduleDelivery();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#ended || this.#socket.destroyed) return false;
    return this.#socket.write(chunk);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#scheduleDelivery();
  }

  /** Gives the socket away; the stream is dead without a word to its listener. */
  release(): Socket {
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('drain', this.#onDrain);
    socket.off('close', this.#onClose);
    socket.pause();
    for (const chunk of this.#returned.reverse()) socket.unshift(chunk);
    this.#returned = [];
    this.#listener = undefined;
    this.#goneTold = true;
    return socket;
  }

  readonly #onData = (buffer: Buffer): void => {
    const chunk = plainBytes(buffer);
    if (this.#paused || this.#returned.length > 0) this.#returned.push(chunk);
    else this.#listener?.data(chunk);
  };

  readonly #onEnd = (): void => this.#listener?.end?.();

  readonly #onDrain = (): void => this.#listener?.drain?.();

  readonly #onError = (error: Error): void => {
    this.#error ??= this.#readError(error);
    // A TLS alert is reported without closing the socket.
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#gone = true;
    this.#tellGone();
  };

  #tellGone(): void {
    if (!this.#gone || this.#goneTold || !this.#listener) return;
    this.#goneTold = true;
    this.#listener.closed?.(this.#error);
  }

  /** Never from within the caller, who has just begun to listen and is not ready yet. */
  #scheduleDelivery(): void {
    if (this.#deliveryScheduled) return;
    this.#deliveryScheduled = true;
    queueMicrotask(() => {
      this.#deliveryScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#listener && !this.#paused) {
      const chunk = this.#returned.shift();
      if (!chunk) break;
      this.#listener.data(chunk);
    }
    if (!this.#listener || this.#paused) return;
    if (this.#gone) this.#tellGone();
    else this.#socket.resume();
  }
}

/** A `Buffer` is a `Uint8Array` with another `slice`: nobody outside shall meet one. */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
