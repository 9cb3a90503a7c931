/** Term and vote on disk: one small file, replaced in one step. */

import type { HardState } from '../../machines/raft/node.ts';
import { decodeOwnFile, encodeOwnFile } from '../../src/wire/own-file.ts';
import type { Disk } from '../../src/world/world.ts';
import { DamageError } from './damage.ts';

export class StableStore {
  readonly #disk: Disk;
  readonly #path: string;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Term 0 and no vote when nothing was ever saved. Rejects with `DamageError`. */
  async load(): Promise<HardState> {
    if (!(await this.#disk.exists(this.#path))) return { term: 0, votedFor: '' };
    const held = decodeOwnFile(await this.#disk.readFile(this.#path))?.value;
    if (!isHardState(held)) {
      throw new DamageError(
        `${this.#path} is damaged: the term and vote of this server are not known, and guessing ` +
          'could elect two leaders, so it does not start.',
      );
    }
    const { term, votedFor, catchingUp } = held;
    return { term, votedFor, catchingUp };
  }

  /** Durable when it resolves. */
  async save({ term, votedFor, catchingUp }: HardState): Promise<void> {
    await this.#disk.writeFileAtomic(this.#path, encodeOwnFile({ term, votedFor, catchingUp }));
  }
}

function isHardState(value: unknown): value is HardState {
  if (typeof value !== 'object' || value === null) return false;
  const { term, votedFor, catchingUp } = value as Partial<HardState>;
  const known = catchingUp === undefined || typeof catchingUp === 'boolean';
  return known && Number.isSafeInteger(term) && typeof votedFor === 'string';
}
