/** Reads a byte stream as a sequence of chunks, and writes to it at the pace of its peer. */

import type { ByteStream } from '../world/world.ts';
import { WritePace } from '../world/write-pace.ts';
import { STREAM_EOF } from './errors.ts';

/** Bytes that arrive ahead of their reader; beyond, the stream is paused. */
const AHEAD_BYTES_MAX = 1_048_576;

/** Becomes the stream's listener at once. It is read once. */
export class StreamBytes implements AsyncIterable<Uint8Array> {
  readonly #stream: ByteStream;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #error: Error | undefined;
  #arrived: (() => void) | undefined;
  readonly #pace = new WritePace();

  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.listen({
      data: (chunk) => {
        this.#chunks.push(chunk);
        this.#bytes += chunk.length;
        if (this.#bytes > AHEAD_BYTES_MAX) stream.pause();
        this.#arrived?.();
      },
      end: () => {
        this.#ended = true;
        this.#arrived?.();
      },
      drain: () => this.#pace.drained(),
      closed: (error) => this.#close(error),
    });
    stream.resume();
  }

  #close(error: Error | undefined): void {
    if (!this.#ended) this.#error = error ?? new Error(STREAM_EOF);
    this.#arrived?.();
    this.#pace.end();
  }

  /** Throws when the stream is gone before its end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunks = this.#chunks;
      this.#chunks = [];
      this.#bytes = 0;
      if (chunks.length > 0) {
        this.#stream.resume();
        yield* chunks;
        continue;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  /** Resolves when the stream takes more. Rejects when it is gone. */
  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#pace.over && !this.#stream.write(chunk)) await this.#pace.room();
    if (this.#pace.over) throw this.#error ?? new Error(STREAM_EOF);
  }

  /** Half-closes after what was written. */
  end(): void {
    if (!this.#pace.over) this.#stream.end();
  }
}

/** All that comes until the peer's half-close. The stream is given up with the reading. */
export function readToEnd(stream: ByteStream): AsyncIterable<Uint8Array> {
  const bytes = new StreamBytes(stream)[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => bytes.next(),
      return: async () => {
        stream.destroy();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** All of it as one; refused beyond `bytesMax`. */
export async function joined(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
  refusal: string,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > bytesMax) throw new Error(refusal);
    parts.push(chunk);
  }
  return Buffer.concat(parts, size);
}
