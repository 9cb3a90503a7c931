/** Chunks read as bytes: so many of them, or what is at hand. */

const NOTHING = Buffer.alloc(0);

export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #held: Buffer = NOTHING;
  #ended = false;

  constructor(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#chunks =
      Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** What is at hand, `bytesMax` at most and one at least; empty at the end. */
  async piece(bytesMax: number): Promise<Buffer> {
    while (this.#held.length === 0 && !this.#ended) {
      const next = await this.#chunks.next();
      if (next.done === true) this.#ended = true;
      else this.#held = asBuffer(next.value);
    }
    const piece = this.#held.subarray(0, bytesMax);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }

  /** So many bytes; fewer only at the end. */
  async exactly(bytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let left = bytes;
    while (left > 0) {
      const piece = await this.piece(left);
      if (piece.length === 0) break;
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** All that is left. */
  async *rest(): AsyncGenerator<Buffer> {
    for (;;) {
      const piece = await this.piece(Number.MAX_SAFE_INTEGER);
      if (piece.length === 0) return;
      yield piece;
    }
  }

  /** Lets go of the chunks, whether they were read to their end or not. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#held = NOTHING;
    await this.#chunks.return?.();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
