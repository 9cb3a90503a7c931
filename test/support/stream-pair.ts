/**
 * Two ends of a byte stream in memory. Delivery is a microtask later, pieces are cut by `cut`, and
 * a write beyond the high-water mark asks to wait, as sockets do.
 */

import type { ByteStream, Endpoint, StreamListener, TlsFacts } from '../../src/world/world.ts';

export interface StreamPairOptions {
  /** Cuts what was written into the pieces that arrive. Default: whole. */
  readonly cut?: (bytes: Uint8Array) => readonly Uint8Array[];
  readonly highWaterBytes?: number;
  /** TLS facts as each side sees them. */
  readonly tls?: { readonly client?: TlsFacts; readonly server?: TlsFacts };
  readonly client?: Endpoint;
  readonly server?: Endpoint;
}

export interface TestStream extends ByteStream {
  readonly destroyed: boolean;
  readonly ended: boolean;
  /** Bytes written to this end so far. */
  readonly written: number;
}

export function streamPair(
  options: StreamPairOptions = {},
): readonly [client: TestStream, server: TestStream] {
  const client = options.client ?? { address: '127.0.0.1', port: 50_000 };
  const server = options.server ?? { address: '127.0.0.1', port: 8300 };
  const a = new MemoryStream(client, server, options, options.tls?.client);
  const b = new MemoryStream(server, client, options, options.tls?.server);
  a.peer = b;
  b.peer = a;
  return [a, b];
}

class MemoryStream implements TestStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly tls?: TlsFacts;
  peer: MemoryStream | undefined;
  destroyed = false;
  ended = false;
  written = 0;
  readonly #options: StreamPairOptions;
  #listener: StreamListener | undefined;
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #paused = true;
  #remoteEnded = false;
  #endDelivered = false;
  #full = false;
  #scheduled = false;

  constructor(local: Endpoint, remote: Endpoint, options: StreamPairOptions, tls?: TlsFacts) {
    this.local = local;
    this.remote = remote;
    this.#options = options;
    if (tls !== undefined) this.tls = tls;
  }

  get bufferedBytes(): number {
    return this.peer?.inboxBytes ?? 0;
  }

  get inboxBytes(): number {
    return this.#inboxBytes;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
    this.#paused = false;
    this.#schedule();
  }

  unshift(chunk: Uint8Array): void {
    this.#inbox.unshift(chunk);
    this.#inboxBytes += chunk.length;
    this.#schedule();
  }

  write(chunk: Uint8Array): boolean {
    if (this.destroyed || this.ended) return false;
    this.written += chunk.length;
    const copy = Uint8Array.from(chunk);
    this.peer?.accept(this.#options.cut?.(copy) ?? [copy]);
    this.#full = this.bufferedBytes > (this.#options.highWaterBytes ?? 1_048_576);
    return !this.#full;
  }

  end(): void {
    if (this.ended || this.destroyed) return;
    this.ended = true;
    this.peer?.acceptEnd();
    this.#maybeClose();
  }

  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#inbox = [];
    this.#inboxBytes = 0;
    const { peer } = this;
    queueMicrotask(() => {
      this.#listener?.closed?.(error);
      peer?.lost();
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  accept(pieces: readonly Uint8Array[]): void {
    if (this.destroyed) return;
    for (const piece of pieces) {
      this.#inbox.push(piece);
      this.#inboxBytes += piece.length;
    }
    this.#schedule();
  }

  acceptEnd(): void {
    this.#remoteEnded = true;
    this.#schedule();
  }

  lost(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#listener?.closed?.();
  }

  drained(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#listener?.drain?.();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (!this.#paused && !this.destroyed && this.#listener !== undefined) {
      const piece = this.#inbox.shift();
      if (piece === undefined) break;
      this.#inboxBytes -= piece.length;
      this.#listener.data(piece);
    }
    if (this.#inbox.length > 0 || this.destroyed) return;
    this.peer?.drained();
    if (this.#remoteEnded && !this.#endDelivered && !this.#paused && this.#listener) {
      this.#endDelivered = true;
      this.#listener.end?.();
      this.#maybeClose();
    }
  }

  #maybeClose(): void {
    if (!this.ended || !this.#endDelivered || this.destroyed) return;
    this.destroyed = true;
    this.#listener?.closed?.();
  }
}

/** What a stream has delivered, and how it ended. */
export interface Collected {
  readonly bytes: () => Buffer;
  readonly ended: () => boolean;
  readonly closed: () => boolean;
  readonly error: () => Error | undefined;
}

export function collect(stream: ByteStream): Collected {
  const parts: Uint8Array[] = [];
  let ended = false;
  let closed = false;
  let failure: Error | undefined;
  stream.listen({
    data: (chunk) => void parts.push(chunk),
    end: () => {
      ended = true;
    },
    closed: (error) => {
      closed = true;
      failure = error;
    },
  });
  return {
    bytes: () => Buffer.concat(parts),
    ended: () => ended,
    closed: () => closed,
    error: () => failure,
  };
}

/** Lets everything run that needs no timer. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
