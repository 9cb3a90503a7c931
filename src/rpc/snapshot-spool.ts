/**
 * A place on disk for states that were handed in, until they are known to be good. What a crash
 * leaves there goes when the store of snapshots is opened: its names end with `.tmp`.
 */

import { FileAppender, filePieces } from '../world/file-pieces.ts';
import type { Disk } from '../world/world.ts';

export interface SpooledState {
  /** Bytes appended. */
  readonly size: number;
  append(piece: Uint8Array): Promise<void>;
  /** All of it, from the beginning, as often as asked; nothing may be appended any more. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Closes and removes the file. */
  discard(): Promise<void>;
}

export interface SnapshotSpool {
  /** Rejects with the disk's error. */
  create(): Promise<SpooledState>;
}

export function createSnapshotSpool(options: {
  readonly disk: Disk;
  /** The folder of raft's snapshots. */
  readonly directory: string;
}): SnapshotSpool {
  const { disk, directory } = options;
  let created = 0;
  return {
    async create() {
      created += 1;
      const path = `${directory}/restore-${created}.tmp`;
      await disk.makeDirectory(directory);
      const file = await disk.open(path, 'exclusive');
      const appender = new FileAppender(file);
      return {
        get size() {
          return appender.size;
        },
        append: (piece) => appender.append(piece),
        async *chunks() {
          await appender.flush();
          yield* filePieces(file);
        },
        async discard() {
          await file.close();
          await disk.remove(path);
        },
      };
    },
  };
}
