/** Files written and read from front to back, in large pieces, whatever the size of chunks. */

import type { DiskFile } from './world.ts';

/** Bytes gathered before they are written, and read at once. */
export const PIECE_BYTES = 262_144;

/** Writes a file from its beginning. What `append` was given must not change any more. */
export class FileAppender {
  readonly #file: DiskFile;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #written = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** Bytes appended. */
  get size(): number {
    return this.#written + this.#heldBytes;
  }

  /** Resolves when the chunk is written or held with others. */
  async append(chunk: Uint8Array): Promise<void> {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= PIECE_BYTES) await this.flush();
  }

  /** Writes what is held; durable only after `sync` of the file. */
  async flush(): Promise<void> {
    if (this.#heldBytes === 0) return;
    await this.#file.write(this.#written, this.#held);
    this.#written += this.#heldBytes;
    this.#held = [];
    this.#heldBytes = 0;
  }
}

/** All of an open file, piece by piece. */
export async function* filePieces(file: DiskFile): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const piece = await file.read(at, PIECE_BYTES);
    if (piece.length === 0) return;
    at += piece.length;
    yield piece;
  }
}
