/**
 * The raft log in memory, from the first entry that is kept to the last, and the newest snapshot.
 *
 * A view never changes. Views share one array, as slices do in Go: appending to the newest view
 * pushes, changing an older one copies. So a view costs nothing to keep, and appending is cheap.
 */

import { entryBytes, type LogEntry } from '../../src/wire/raft/log-entry.ts';
import { TRAILING_BYTES_MAX } from './limits.ts';

/** A place in the log. */
export interface LogPoint {
  readonly index: number;
  readonly term: number;
}

const NOWHERE: LogPoint = { index: 0, term: 0 };

export class LogView {
  /** The newest snapshot; index 0 when there is none. */
  readonly snapshot: LogPoint;
  /** Index of the first entry kept; one above the last when there is none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Bytes that the entries take, roughly. */
  readonly bytes: number;
  readonly #entries: LogEntry[];
  readonly #count: number;

  private constructor(snapshot: LogPoint, first: number, entries: LogEntry[], bytes: number) {
    this.snapshot = snapshot;
    this.firstIndex = first;
    this.#entries = entries;
    this.#count = entries.length;
    this.bytes = bytes;
    this.lastIndex = first + entries.length - 1;
    this.lastTerm = entries.at(-1)?.Term ?? snapshot.term;
  }

  static readonly empty: LogView = new LogView(NOWHERE, 1, [], 0);

  /**
   * A log as it was found on disk. Entries that do not reach the snapshot, or disagree with it, are
   * worth nothing and dropped. Throws when the entries have gaps.
   */
  static from(snapshot: LogPoint, entries: readonly LogEntry[]): LogView {
    const first = entries[0]?.Index ?? snapshot.index + 1;
    entries.forEach((entry, position) => {
      if (entry.Index !== first + position) {
        throw new Error(`log entry ${entry.Index} stands where ${first + position} belongs`);
      }
    });
    const view = new LogView(snapshot, first, [...entries], sizeOf(entries));
    if (first > snapshot.index + 1) {
      throw new Error(`log begins at ${first}, the newest snapshot ends at ${snapshot.index}`);
    }
    const agrees = snapshot.index < first || view.entryAt(snapshot.index)?.Term === snapshot.term;
    return agrees && view.lastIndex >= snapshot.index ? view : view.reset(snapshot);
  }

  entryAt(index: number): LogEntry | undefined {
    const position = index - this.firstIndex;
    return position >= 0 && position < this.#count ? this.#entries[position] : undefined;
  }

  /** Term of an entry, of the snapshot's last index, or of the beginning (0). */
  termAt(index: number): number | undefined {
    if (index === this.snapshot.index) return this.snapshot.term;
    return index === 0 ? 0 : this.entryAt(index)?.Term;
  }

  /** Entries from `from` on: at most `countMax`, and at most `bytesMax` but at least one. */
  slice(from: number, countMax: number, bytesMax: number): readonly LogEntry[] {
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let index = from; entries.length < countMax; index++) {
      const entry = this.entryAt(index);
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (bytes > bytesMax && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  /** Bytes of the entries from `from` on. */
  bytesFrom(from: number): number {
    return sizeOf(this.#entries, Math.max(0, from - this.firstIndex), this.#count);
  }

  append(entries: readonly LogEntry[]): LogView {
    if (entries.length === 0) return this;
    if (entries[0]?.Index !== this.lastIndex + 1) {
      throw new Error(`entry ${entries[0]?.Index} cannot follow ${this.lastIndex}`);
    }
    const newest = this.#entries.length === this.#count;
    const shared = newest ? this.#entries : this.#entries.slice(0, this.#count);
    for (const entry of entries) shared.push(entry);
    return new LogView(this.snapshot, this.firstIndex, shared, this.bytes + sizeOf(entries));
  }

  /** Without the entries from `index` on. */
  truncateFrom(index: number): LogView {
    if (index > this.lastIndex) return this;
    if (index <= this.snapshot.index) {
      throw new Error(`truncation at ${index}, behind the snapshot of ${this.snapshot.index}`);
    }
    const kept = this.#entries.slice(0, Math.max(index - this.firstIndex, 0));
    return new LogView(this.snapshot, this.firstIndex, kept, sizeOf(kept));
  }

  /**
   * With a newer snapshot. Of the entries that it covers those are kept that are among the last
   * `trailing` and, with all behind them, no more than `TRAILING_BYTES_MAX`.
   */
  compact(snapshot: LogPoint, trailing: number): LogView {
    if (snapshot.index <= this.snapshot.index) return this;
    return this.#keptFor(snapshot, this.lastIndex - trailing + 1);
  }

  /** With no more than `TRAILING_BYTES_MAX` of what the snapshot covers. */
  bounded(): LogView {
    return this.#keptFor(this.snapshot, this.firstIndex);
  }

  #keptFor(snapshot: LogPoint, from: number): LogView {
    const oldest = Math.max(from, this.firstIndex);
    let first = Math.max(snapshot.index + 1, this.firstIndex);
    let bytes = sizeOf(this.#entries, first - this.firstIndex, this.#count);
    for (; first > oldest; first--) {
      const entry = this.entryAt(first - 1);
      if (entry === undefined) break;
      const withIt = bytes + entryBytes(entry);
      if (withIt > TRAILING_BYTES_MAX) break;
      bytes = withIt;
    }
    const kept = this.#entries.slice(first - this.firstIndex, this.#count);
    return new LogView(snapshot, first, kept, bytes);
  }

  /** Nothing but a snapshot. */
  reset(snapshot: LogPoint): LogView {
    return new LogView(snapshot, snapshot.index + 1, [], 0);
  }

  /** All entries kept. */
  entries(): readonly LogEntry[] {
    return this.#entries.slice(0, this.#count);
  }
}

/** Bytes of the entries at the positions from `start` to `end`, the latter not included. */
function sizeOf(entries: readonly LogEntry[], start = 0, end = entries.length): number {
  let bytes = 0;
  for (let at = start; at < end; at++) bytes += entryBytes(entries[at] as LogEntry);
  return bytes;
}
