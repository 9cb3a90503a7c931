/** A byte stream without a peer: the fuzzer plays it, all in one turn. */

import type { ByteStream, StreamListener } from '../../../src/world/world.ts';

export class FakeStream implements ByteStream {
  readonly local = { address: '127.0.0.1', port: 8300 };
  readonly remote = { address: '127.0.0.1', port: 50_000 };
  readonly bufferedBytes = 0;
  readonly written: Uint8Array[] = [];
  ended = false;
  destroyed = false;
  #listener: StreamListener | undefined;

  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  /** Bytes of the peer. */
  play(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) if (!this.destroyed) this.#listener?.data(piece);
  }

  /** The peer has said everything. */
  playEnd(): void {
    if (!this.destroyed) this.#listener?.end?.();
  }

  write(chunk: Uint8Array): boolean {
    this.written.push(chunk);
    return true;
  }

  end(): void {
    this.ended = true;
  }

  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#listener?.closed?.(error);
  }

  unshift(): void {
    throw new Error('nobody puts bytes back here');
  }

  pause(): void {}

  resume(): void {}
}

/** Until everything that was begun in this turn is done. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
