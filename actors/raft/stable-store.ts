/** Term and vote on disk: one small file, replaced in one step. */

import { crc32 } from 'node:zlib';
import type { HardState } from '../../machines/raft/node.ts';
import type { Disk } from '../../src/world/world.ts';

/** The file with term and vote does not check. */
export class CorruptVoteError extends Error {
  override readonly name = 'CorruptVoteError';
  constructor(path: string) {
    super(
      `${path} is damaged: the term and vote of this server are not known, and guessing could ` +
        'elect two leaders. Remove the raft folder of this server and let it join again.',
    );
  }
}

export class StableStore {
  readonly #disk: Disk;
  readonly #path: string;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Term 0 and no vote when nothing was ever saved. Throws `CorruptVoteError`. */
  async load(): Promise<HardState> {
    if (!(await this.#disk.exists(this.#path))) return { term: 0, votedFor: '' };
    const text = Buffer.from(await this.#disk.readFile(this.#path)).toString('utf8');
    const [sum, body] = text.trimEnd().split(' ', 2);
    if (sum === undefined || body === undefined || sum !== checksum(body)) {
      throw new CorruptVoteError(this.#path);
    }
    const { term, votedFor } = JSON.parse(body) as HardState;
    return { term, votedFor };
  }

  /** Durable when it resolves. */
  async save({ term, votedFor }: HardState): Promise<void> {
    const body = JSON.stringify({ term, votedFor });
    await this.#disk.writeFileAtomic(this.#path, Buffer.from(`${checksum(body)} ${body}\n`));
  }
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
