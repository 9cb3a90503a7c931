/** serf's snapshot file: lines are appended and, when it has grown, written anew. */

import type { Log } from '../../src/log.ts';
import {
  applySnapshotLine,
  EMPTY_SNAPSHOT,
  parseSnapshot,
  renderSnapshot,
  renderSnapshotLine,
  type SnapshotFacts,
  type SnapshotLine,
} from '../../src/wire/gossip/snapshot.ts';
import type { DiskFile, TimerId, World } from '../../src/world/world.ts';

const FLUSH_MS = 500;
/** The file is written anew beyond this, or beyond the bytes that its alive members take. */
const COMPACT_BYTES_MIN = 128 * 1024;
const BYTES_A_NODE = 2 * 128;
/** Lines waiting for the disk; beyond it the oldest are dropped and a compaction mends the file. */
const WAITING_MAX = 10_000;

/** What a snapshot file says; nothing when there is none. Rejects with the disk's error. */
export async function loadSnapshot(
  world: World,
  path: string,
  afterLeave: 'forget' | 'rejoin',
): Promise<SnapshotFacts> {
  if (!(await world.disk.exists(path))) return EMPTY_SNAPSHOT;
  const content = await world.disk.readFile(path);
  return parseSnapshot(Buffer.from(content).toString('utf8'), afterLeave);
}

export interface SnapshotFileOptions {
  readonly world: World;
  readonly log: Log;
  readonly path: string;
  readonly afterLeave: 'forget' | 'rejoin';
  readonly facts: SnapshotFacts;
}

export class SnapshotFile {
  readonly #options: SnapshotFileOptions;
  #facts: SnapshotFacts;
  #waiting: string[] = [];
  #timer: TimerId | null = null;
  #file: DiskFile | null = null;
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #needsCompaction = false;

  constructor(options: SnapshotFileOptions) {
    this.#options = options;
    this.#facts = options.facts;
  }

  /** What the file says, lines that wait included. */
  get facts(): SnapshotFacts {
    return this.#facts;
  }

  append(lines: readonly SnapshotLine[]): void {
    for (const line of lines) {
      this.#facts = applySnapshotLine(this.#facts, line, this.#options.afterLeave);
      this.#waiting.push(`${renderSnapshotLine(line)}\n`);
    }
    if (this.#waiting.length > WAITING_MAX) {
      this.#waiting.splice(0, this.#waiting.length - WAITING_MAX);
      this.#needsCompaction = true;
    }
    this.#timer ??= this.#options.world.clock.setTimeout(() => this.#flushSoon(), FLUSH_MS);
  }

  #flushSoon(): void {
    this.#timer = null;
    this.#writing = this.#writing.then(() => this.#write());
  }

  async #write(): Promise<void> {
    const text = this.#waiting.join('');
    this.#waiting = [];
    try {
      const limit = Math.max(COMPACT_BYTES_MIN, BYTES_A_NODE * this.#facts.alive.size);
      if (this.#needsCompaction || this.#bytes + text.length > limit) await this.#compact();
      else await this.#extend(Buffer.from(text));
    } catch (error) {
      this.#needsCompaction = true;
      this.#options.log.error('writing the gossip snapshot failed', { error });
    }
  }

  async #extend(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    if (this.#file === null) {
      this.#file = await this.#options.world.disk.open(this.#options.path, 'create');
      this.#bytes = await this.#file.size();
    }
    await this.#file.write(this.#bytes, [bytes]);
    this.#bytes += bytes.length;
  }

  async #compact(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    const content = Buffer.from(renderSnapshot(this.#facts));
    await this.#options.world.disk.writeFileAtomic(this.#options.path, content);
    this.#bytes = content.length;
    this.#needsCompaction = false;
  }

  /** Writes what waits and closes the file; `append` opens it again. Never rejects. */
  async close(): Promise<void> {
    if (this.#timer !== null) this.#options.world.clock.clearTimeout(this.#timer);
    this.#flushSoon();
    await this.#writing;
    const file = this.#file;
    this.#file = null;
    try {
      await file?.sync();
      await file?.close();
    } catch (error) {
      this.#options.log.error('closing the gossip snapshot failed', { error });
    }
  }
}
