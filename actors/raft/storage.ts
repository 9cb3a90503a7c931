/**
 * Everything a raft node keeps on disk, and the one writer of log, term and vote.
 *
 * What is handed in while a write is under way is written together by the next one: one fsync for
 * all of it. A write that fails is tried again until it succeeds, in order; nothing is reported as
 * durable before it is.
 */

import { posix } from 'node:path';
import { TRAILING_LOGS } from '../../machines/raft/limits.ts';
import { type LogPoint, LogView } from '../../machines/raft/log-view.ts';
import type { Effect, HardState, StoredState } from '../../machines/raft/node.ts';
import { EMPTY_CONFIGURATION } from '../../src/consensus/configuration.ts';
import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import { toError } from '../../src/error-text.ts';
import type { Log } from '../../src/log.ts';
import { entryBytes, type LogEntry } from '../../src/wire/raft/log-entry.ts';
import { pause } from '../../src/world/pause.ts';
import type { World } from '../../src/world/world.ts';
import { DamageError } from './damage.ts';
import type { LogRecord } from './log-frame.ts';
import { LogStore, type OpenedLog, resetRecord } from './log-store.ts';
import type { FoundState } from './recovery.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { StableStore } from './stable-store.ts';

/** A frame holds no more, so that it is encoded, and read again, within a few milliseconds. */
const FRAME_RECORDS_MAX = 1024;
const FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** Waits between attempts to write to a disk that refuses. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5000;

type Persist = Extract<Effect, { type: 'persist' }>;

export interface StorageListener {
  persisted(sequence: number): void;
  failed(error: Error): void;
  recovered(): void;
}

export interface StorageOptions {
  readonly world: World;
  readonly log: Log;
  /** `<data-dir>/raft`. */
  readonly directory: string;
  readonly listener: StorageListener;
  readonly segmentBytesMax?: number;
}

export interface OpenedStorage {
  readonly storage: RaftStorage;
  readonly stored: StoredState;
}

export class RaftStorage {
  readonly snapshots: SnapshotStore;
  readonly #options: StorageOptions;
  readonly #stable: StableStore;
  readonly #logStore: LogStore;
  #queue: Persist[] = [];
  #compactThrough = 0;
  #running = false;
  #closed = false;
  #idle: (() => void)[] = [];

  private constructor(
    options: StorageOptions,
    snapshots: SnapshotStore,
    stable: StableStore,
    logStore: LogStore,
  ) {
    this.#options = options;
    this.snapshots = snapshots;
    this.#stable = stable;
    this.#logStore = logStore;
  }

  /**
   * Reads log, term, vote and the newest snapshot that `restore` accepts; older ones are tried when
   * a newer one is damaged. `recover` may put another state in place of the one that was found.
   * Rejects with `DamageError` when what is left has gaps.
   */
  static async open(
    options: StorageOptions,
    restore: (snapshot: StoredSnapshot) => Promise<void>,
    recover: (found: FoundState) => Promise<StoredState>,
  ): Promise<OpenedStorage> {
    const { world, log, directory } = options;
    const { disk, clock, random } = world;
    await disk.makeDirectory(directory);
    const snapshots = await SnapshotStore.open({
      disk,
      clock,
      log,
      directory: `${directory}/snapshots`,
    });
    const stable = new StableStore(disk, `${directory}/vote`);
    const hardState = await stable.load();
    const oldest = (await snapshots.list()).at(-1)?.index ?? 0;
    const { segmentBytesMax } = options;
    const opened = await LogStore.open({
      disk,
      clock,
      random,
      log,
      directory: `${directory}/wal`,
      coveredThrough: oldest - TRAILING_LOGS,
      ...(segmentBytesMax !== undefined && { segmentBytesMax }),
    });
    const { store } = opened;
    const storage = new RaftStorage(options, snapshots, stable, store);
    try {
      await disk.syncDirectory(directory);
      await disk.syncDirectory(posix.dirname(directory));
      const found = await storage.#found(hardState, opened, restore);
      return { storage, stored: await recover({ stored: found, store, snapshots }) };
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Whether the log goes on behind a snapshot is known before anybody sees its state. */
  async #found(
    hardState: HardState,
    opened: OpenedLog,
    restore: (snapshot: StoredSnapshot) => Promise<void>,
  ): Promise<StoredState> {
    const { entries } = opened;
    const newest = await this.snapshots.newestPoint();
    const { directory, log } = this.#options;
    for (const snapshot of await this.snapshots.list()) {
      const view = joined(snapshot, newest, entries, directory);
      try {
        await restore(snapshot);
      } catch (error) {
        log.error('a snapshot could not be restored', { snapshot: snapshot.id, error });
        continue;
      }
      return this.#behind(hardState, view, opened, snapshot);
    }
    const view = joined({ index: 0, term: 0 }, newest, entries, directory);
    return this.#behind(hardState, view, opened, undefined);
  }

  async #behind(
    hardState: HardState,
    view: LogView,
    { entries, next }: OpenedLog,
    snapshot: StoredSnapshot | undefined,
  ): Promise<StoredState> {
    // What does not agree with the snapshot is void, and must not come back. A log that ends before
    // the snapshot, perhaps without a single entry, has to say that it goes on behind it.
    const follows = next === undefined || next === view.lastIndex + 1;
    if (!follows || view.entries().length !== entries.length) {
      await this.#logStore.append([resetRecord(view.snapshot)]);
    }
    const configuration = {
      index: snapshot?.configurationIndex ?? 0,
      configuration: snapshot?.configuration ?? EMPTY_CONFIGURATION,
    };
    return { hardState, log: view.bounded(), configuration };
  }

  persist(effect: Persist): void {
    this.#queue.push(effect);
    this.#run();
  }

  /** Entries up to `through` may go; done when there is nothing else to do. */
  compact(through: number): void {
    this.#compactThrough = Math.max(this.#compactThrough, through);
    this.#run();
  }

  /** Resolves when everything handed in is durable, or the disk refuses it. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#logStore.close();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    this.#writeAll().then(
      () => {
        this.#running = false;
        for (const resolve of this.#idle.splice(0)) resolve();
      },
      (error: unknown) => this.#options.listener.failed(toError(error)),
    );
  }

  async #writeAll(): Promise<void> {
    for (;;) {
      const batch = this.#queue;
      this.#queue = [];
      const last = batch.at(-1);
      if (last !== undefined) {
        if (!(await this.#writeUntilDone(batch))) return;
        this.#options.listener.persisted(last.sequence);
      } else if (this.#compactThrough > 0) {
        await this.#compactNow();
      } else {
        return;
      }
    }
  }

  async #compactNow(): Promise<void> {
    const through = this.#compactThrough;
    this.#compactThrough = 0;
    try {
      // The log reaches back to the oldest snapshot kept, so that it can stand in for a newer one.
      const oldest = (await this.snapshots.list()).at(-1)?.index ?? 0;
      await this.#logStore.compact(Math.min(through, oldest));
    } catch (error) {
      // The files stay; the next snapshot tries again.
      this.#options.log.warn('old log segments could not be removed', { error });
    }
  }

  /** False when the storage was closed while the disk refused. */
  async #writeUntilDone(batch: readonly Persist[]): Promise<boolean> {
    const { listener, world } = this.#options;
    let waitMs = RETRY_MIN_MS;
    let failures = 0;
    for (;;) {
      try {
        await this.#write(batch);
        if (failures > 0) listener.recovered();
        return true;
      } catch (error) {
        failures += 1;
        if (failures === 1) listener.failed(toError(error));
        if (this.#closed) return false;
        await pause(world.clock, waitMs);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
  }

  /** Term and vote first: entries of a term must not be found without it. */
  async #write(batch: readonly Persist[]): Promise<void> {
    const hardState = batch.findLast((effect) => effect.hardState !== undefined)?.hardState;
    if (hardState !== undefined) await this.#stable.save(hardState);
    const records: LogRecord[] = [];
    for (const { entries, reset } of batch) {
      if (reset !== undefined) records.push(resetRecord(reset));
      for (const entry of entries ?? []) records.push({ kind: 'entry', entry });
    }
    for (const frame of framesOf(records)) await this.#logStore.append(frame);
  }
}

function* framesOf(records: readonly LogRecord[]): Generator<readonly LogRecord[]> {
  let from = 0;
  let bytes = 0;
  for (const [at, record] of records.entries()) {
    const own = record.kind === 'entry' ? entryBytes(record.entry) : 0;
    const full = at - from >= FRAME_RECORDS_MAX || bytes + own > FRAME_BYTES_MAX;
    if (full && at > from) {
      yield records.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += own;
  }
  if (from < records.length) yield records.slice(from);
}

/**
 * The log behind the snapshot that is used. Throws when entries are missing that were confirmed:
 * between the snapshot and the log, or those of a newer snapshot that is lost.
 */
function joined(
  { index, term }: LogPoint,
  newest: LogPoint | undefined,
  entries: readonly LogEntry[],
  directory: string,
): LogView {
  const first = entries[0]?.Index ?? index + 1;
  if (first > index + 1) {
    const reach = index === 0 ? 'no snapshot can be used' : `the snapshot ends at ${index}`;
    throw new DamageError(`The raft log ${directory}/wal begins at entry ${first}, but ${reach}.`);
  }
  const view = LogView.from({ index, term }, entries);
  if (newest === undefined || view.termAt(newest.index) === newest.term) return view;
  throw new DamageError(
    `The snapshot of entry ${newest.index} of term ${newest.term} in ${directory}/snapshots cannot ` +
      `be used, and the raft log ${directory}/wal does not hold what was in it.`,
  );
}
