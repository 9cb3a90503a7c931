/**
 * Snapshots on disk: a folder each, with `meta.json` and `state.bin`, made under a temporary name
 * and renamed when all of it is durable. The two newest that can be used are kept. One that turns
 * out to be damaged is passed over from then on, and goes when a new one is durable.
 */

import { crc32 } from 'node:zlib';
import type { LogPoint } from '../../machines/raft/log-view.ts';
import type { PlacedConfiguration } from '../../machines/raft/node.ts';
import type { RaftConfiguration } from '../../src/consensus/configuration.ts';
import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import type { Log } from '../../src/log.ts';
import { FileAppender, PIECE_BYTES } from '../../src/world/file-pieces.ts';
import type { Clock, Disk, DiskFile } from '../../src/world/world.ts';

/** Snapshots kept; older ones are removed when a new one is durable. */
export const SNAPSHOTS_KEPT = 2;

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

/** A snapshot is not what was written. It is never handed on as a whole. */
class DamagedSnapshotError extends Error {
  override readonly name = 'DamagedSnapshotError';
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
  readonly #damaged = new Set<string>();

  private constructor(options: SnapshotStoreOptions) {
    this.#options = options;
  }

  /** Removes what a crash has left of snapshots that were being written, or removed. */
  static async open(options: SnapshotStoreOptions): Promise<SnapshotStore> {
    const { disk, directory } = options;
    await disk.makeDirectory(directory);
    for (const name of await disk.list(directory)) {
      if (name.endsWith('.tmp')) await disk.remove(`${directory}/${name}`);
    }
    await disk.syncDirectory(directory);
    return new SnapshotStore(options);
  }

  /** Snapshots not known to be damaged, newest first. */
  async list(): Promise<readonly StoredSnapshot[]> {
    const found: StoredSnapshot[] = [];
    for (const name of await this.#names()) {
      if (this.#damaged.has(name)) continue;
      try {
        found.push(this.#stored(await this.#readMeta(name)));
      } catch (error) {
        if (error instanceof DamagedSnapshotError) this.#damaged.add(name);
        this.#options.log.error('a snapshot cannot be read and is passed over', {
          snapshot: name,
          error,
        });
      }
    }
    return found.sort(newestFirst);
  }

  /** Where the newest snapshot here was taken, whether it can still be used or not. */
  async newestPoint(): Promise<LogPoint | undefined> {
    const points = (await this.#names()).map(pointOf);
    return points.sort((a, b) => b.term - a.term || b.index - a.index)[0];
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
    const { disk, directory } = this.#options;
    await disk.makeDirectory(directory);
    const id = await this.#freeId(at);
    const temporary = `${directory}/${id}.tmp`;
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
      await disk.writeFileAtomic(`${temporary}/meta.json`, encodeMeta(meta));
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
    await this.#discard([snapshot.id]);
  }

  /** A crash in the middle leaves a folder that no longer counts, not half of a snapshot. */
  async #discard(names: readonly string[]): Promise<void> {
    const { disk, directory } = this.#options;
    for (const name of names) {
      await disk.rename(`${directory}/${name}`, `${directory}/${name}.tmp`);
    }
    await disk.syncDirectory(directory);
    for (const name of names) await disk.remove(`${directory}/${name}.tmp`);
  }

  async #names(): Promise<readonly string[]> {
    const { disk, directory } = this.#options;
    return (await disk.list(directory)).filter((name) => FOLDER_NAME.test(name));
  }

  /** The clock may have stood still or gone back; nothing that is kept is written over. */
  async #freeId(at: LogPoint): Promise<string> {
    const { disk, directory, clock } = this.#options;
    const taken = await disk.list(directory);
    for (let ms = Math.floor(clock.now()); ; ms++) {
      const id = `${at.term}-${at.index}-${ms}`;
      if (!taken.includes(id) && !taken.includes(`${id}.tmp`)) return id;
    }
  }

  async #reap(): Promise<void> {
    const old = (await this.list()).slice(SNAPSHOTS_KEPT).map(({ id }) => id);
    const damaged = [...this.#damaged];
    await this.#discard([...old, ...damaged]);
    for (const name of damaged) this.#damaged.delete(name);
  }

  async #writeState(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly size: number; readonly checksum: string }> {
    const file = await this.#options.disk.open(path, 'exclusive');
    try {
      const appender = new FileAppender(file);
      let sum = 0;
      for await (const chunk of chunks) {
        sum = crc32(chunk, sum);
        await appender.append(chunk);
      }
      await appender.flush();
      await file.sync();
      return { size: appender.size, checksum: hex(sum) };
    } finally {
      await file.close();
    }
  }

  async #readMeta(name: string): Promise<Meta> {
    const bytes = await this.#options.disk.readFile(`${this.#options.directory}/${name}/meta.json`);
    const meta = decodeMeta(bytes);
    if (meta === undefined) throw new DamagedSnapshotError('its meta.json does not check');
    if (meta.ID !== name) throw new DamagedSnapshotError(`its meta.json names ${meta.ID}`);
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
      chunks: () => this.#read(path, meta),
    };
  }

  async *#read(path: string, meta: Meta): AsyncIterable<Uint8Array> {
    try {
      yield* readVerified(this.#options.disk, path, meta);
    } catch (error) {
      if (error instanceof DamagedSnapshotError) this.#damaged.add(meta.ID);
      throw error;
    }
  }
}

/** The metadata as one line of JSON, and a line with its CRC-32: a flipped bit must not move it. */
function encodeMeta(meta: Meta): Buffer {
  const line = JSON.stringify(meta);
  return Buffer.from(`${line}\n${hex(crc32(line))}\n`);
}

function decodeMeta(bytes: Uint8Array): Meta | undefined {
  const [line = '', sum] = Buffer.from(bytes).toString('utf8').split('\n');
  return sum === hex(crc32(line)) ? (JSON.parse(line) as Meta) : undefined;
}

/**
 * The bytes of a state. The last of them are held back until all have been checked: whoever counts
 * them, as a follower does, never has a damaged state for a whole one.
 */
async function* readVerified(disk: Disk, path: string, meta: Meta): AsyncIterable<Uint8Array> {
  const file: DiskFile = await disk.open(path, 'read');
  try {
    let sum = 0;
    let offset = 0;
    let held: Uint8Array | undefined;
    while (offset < meta.Size) {
      const chunk = await file.read(offset, Math.min(PIECE_BYTES, meta.Size - offset));
      if (chunk.length === 0) break;
      sum = crc32(chunk, sum);
      offset += chunk.length;
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (offset !== meta.Size) {
      throw new DamagedSnapshotError(`${path} has ${offset} bytes where ${meta.Size} were written`);
    }
    if (hex(sum) !== meta.CRC) {
      throw new DamagedSnapshotError(`${path} is damaged: its checksum is not that of its state`);
    }
    if (held !== undefined) yield held;
  } finally {
    await file.close();
  }
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

function pointOf(name: string): LogPoint {
  const [term, index] = name.split('-');
  return { index: Number(index), term: Number(term) };
}

function newestFirst(a: StoredSnapshot, b: StoredSnapshot): number {
  return b.term - a.term || b.index - a.index || (a.id < b.id ? 1 : -1);
}
