/**
 * Snapshots on disk: a folder each, with `meta.json` and `state.bin`, made under a temporary name
 * and renamed when all of it is durable. The two newest are kept.
 */

import { crc32 } from 'node:zlib';
import type { LogPoint } from '../../machines/raft/log-view.ts';
import type { PlacedConfiguration } from '../../machines/raft/node.ts';
import type { RaftConfiguration } from '../../src/consensus/configuration.ts';
import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import type { Log } from '../../src/log.ts';
import type { Clock, Disk, DiskFile } from '../../src/world/world.ts';

/** Snapshots kept; older ones are removed when a new one is durable. */
export const SNAPSHOTS_KEPT = 2;
/** Bytes gathered before they are written, and read at once. */
const PIECE_BYTES = 256 * 1024;

const FOLDER_NAME = /^(\d+)-(\d+)-(\d+)$/;

interface Meta {
  readonly Version: number;
  readonly ID: string;
  readonly Index: number;
  readonly Term: number;
  readonly Configuration: RaftConfiguration;
  readonly ConfigurationIndex: number;
  readonly Size: number;
  /** CRC-32 of state.bin, eight hex digits. */
  readonly CRC: string;
}

export interface SnapshotStoreOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** Folder of the snapshots; made when missing. */
  readonly directory: string;
}

export class SnapshotStore {
  readonly #options: SnapshotStoreOptions;

  constructor(options: SnapshotStoreOptions) {
    this.#options = options;
  }

  /** Snapshots whose metadata can be read, newest first. Leftovers of a crash are removed. */
  async list(): Promise<readonly StoredSnapshot[]> {
    const { disk, directory, log } = this.#options;
    await disk.makeDirectory(directory);
    const found: StoredSnapshot[] = [];
    for (const name of await disk.list(directory)) {
      if (name.endsWith('.tmp')) await disk.remove(`${directory}/${name}`);
      if (!FOLDER_NAME.test(name)) continue;
      try {
        found.push(this.#stored(await this.#readMeta(name)));
      } catch (error) {
        log.error('a snapshot cannot be read and is passed over', { snapshot: name, error });
      }
    }
    return found.sort(newestFirst);
  }

  async newest(): Promise<StoredSnapshot | undefined> {
    return (await this.list())[0];
  }

  /** Writes a snapshot; durable when it resolves. Removes what it has written when it fails. */
  async write(
    at: LogPoint,
    placed: PlacedConfiguration,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<StoredSnapshot> {
    const { disk, directory, clock } = this.#options;
    await disk.makeDirectory(directory);
    const id = `${at.term}-${at.index}-${Math.floor(clock.now())}`;
    const temporary = `${directory}/${id}.tmp`;
    await disk.remove(temporary);
    await disk.makeDirectory(temporary);
    try {
      const { size, checksum } = await this.#writeState(`${temporary}/state.bin`, chunks);
      const meta: Meta = {
        Version: 1,
        ID: id,
        Index: at.index,
        Term: at.term,
        Configuration: placed.configuration,
        ConfigurationIndex: placed.index,
        Size: size,
        CRC: checksum,
      };
      const text = Buffer.from(`${JSON.stringify(meta)}\n`);
      await disk.writeFileAtomic(`${temporary}/meta.json`, text);
      await disk.remove(`${directory}/${id}`);
      await disk.rename(temporary, `${directory}/${id}`);
      await disk.syncDirectory(directory);
      await this.#reap();
      return this.#stored(meta);
    } catch (error) {
      await disk.remove(temporary).catch(() => {});
      throw error;
    }
  }

  async remove(snapshot: StoredSnapshot): Promise<void> {
    await this.#options.disk.remove(`${this.#options.directory}/${snapshot.id}`);
    await this.#options.disk.syncDirectory(this.#options.directory);
  }

  async #reap(): Promise<void> {
    const old = (await this.list()).slice(SNAPSHOTS_KEPT);
    for (const snapshot of old) await this.remove(snapshot);
  }

  async #writeState(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly size: number; readonly checksum: string }> {
    const file = await this.#options.disk.open(path, 'exclusive');
    try {
      let size = 0;
      let sum = 0;
      let held: Uint8Array[] = [];
      let heldBytes = 0;
      const flush = async (): Promise<void> => {
        if (heldBytes === 0) return;
        await file.write(size, held);
        size += heldBytes;
        held = [];
        heldBytes = 0;
      };
      for await (const chunk of chunks) {
        sum = crc32(chunk, sum);
        held.push(chunk);
        heldBytes += chunk.length;
        if (heldBytes >= PIECE_BYTES) await flush();
      }
      await flush();
      await file.sync();
      return { size, checksum: hex(sum) };
    } finally {
      await file.close();
    }
  }

  async #readMeta(name: string): Promise<Meta> {
    const bytes = await this.#options.disk.readFile(`${this.#options.directory}/${name}/meta.json`);
    const meta = JSON.parse(Buffer.from(bytes).toString('utf8')) as Meta;
    if (meta.ID !== name) throw new Error(`meta.json names ${meta.ID}`);
    return meta;
  }

  #stored(meta: Meta): StoredSnapshot {
    const path = `${this.#options.directory}/${meta.ID}/state.bin`;
    return {
      id: meta.ID,
      index: meta.Index,
      term: meta.Term,
      configuration: meta.Configuration,
      configurationIndex: meta.ConfigurationIndex,
      size: meta.Size,
      chunks: () => readVerified(this.#options.disk, path, meta),
    };
  }
}

async function* readVerified(disk: Disk, path: string, meta: Meta): AsyncIterable<Uint8Array> {
  const file: DiskFile = await disk.open(path, 'read');
  try {
    let sum = 0;
    let offset = 0;
    while (offset < meta.Size) {
      const chunk = await file.read(offset, Math.min(PIECE_BYTES, meta.Size - offset));
      if (chunk.length === 0) break;
      sum = crc32(chunk, sum);
      offset += chunk.length;
      yield chunk;
    }
    if (offset !== meta.Size || hex(sum) !== meta.CRC) {
      throw new Error(`snapshot ${meta.ID} is damaged: its state does not check`);
    }
  } finally {
    await file.close();
  }
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

function newestFirst(a: StoredSnapshot, b: StoredSnapshot): number {
  return b.term - a.term || b.index - a.index || (a.id < b.id ? 1 : -1);
}
