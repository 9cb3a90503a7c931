/**
 * The raft log on disk: append-only segments of frames, one fsync a batch.
 *
 * Nothing is ever overwritten: an entry whose index is already there replaces it and everything
 * behind. Old segments are deleted whole once a snapshot covers them. After a failed write the
 * segment is left as it is, since nobody knows what the disk kept of it, and the log goes on in a
 * new one that says how much of the old one counts.
 */

import type { LogPoint } from '../../machines/raft/log-view.ts';
import type { Log } from '../../src/log.ts';
import type { LogEntry } from '../../src/wire/raft/log-entry.ts';
import { Turns } from '../../src/world/turns.ts';
import type { Clock, Disk, DiskFile, Random } from '../../src/world/world.ts';
import { DamageError } from './damage.ts';
import {
  decodeFrame,
  decodeSegmentHeader,
  encodeFrame,
  encodeSegmentHeader,
  type FramePlace,
  isTornSegmentHeader,
  type LogRecord,
  laterFrameExists,
  SEGMENT_HEADER_BYTES,
} from './log-frame.ts';

/** A segment that has reached this size is followed by a new one. */
export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;

const SEGMENT_NAME = /^(\d{16})\.wal$/;

/** The log on disk is damaged where it was durable. It is left untouched. */
function damagedLog(path: string, offset: number, reason: string): DamageError {
  return new DamageError(
    `raft log ${path} is damaged at byte ${offset}: ${reason}. Entries that this server has ` +
      'confirmed may be lost, so it does not start, and has changed nothing.',
  );
}

export interface LogStoreOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Folder of the segments; made when missing. */
  readonly directory: string;
  readonly segmentBytesMax?: number;
  /** Entries up to here are in a snapshot, and need not be held in memory. Default: none. */
  readonly coveredThrough?: number;
}

interface Segment {
  readonly sequence: number;
  readonly path: string;
  /** Highest index of an entry in it. */
  maxIndex: number;
}

/** What a log store holds when it is opened. */
export interface OpenedLog {
  readonly store: LogStore;
  readonly entries: readonly LogEntry[];
  /** Index of the entry that may follow all records; `undefined` when there are none. */
  readonly next: number | undefined;
}

export class LogStore {
  readonly #options: LogStoreOptions;
  readonly #segments: Segment[] = [];
  #file: DiskFile | undefined;
  #salt = 0;
  #frames = 0;
  /** Durable bytes of the newest segment. */
  #size = 0;
  #broken = false;

  private constructor(options: LogStoreOptions) {
    this.#options = options;
  }

  /** Reads everything. Rejects with `DamageError`; cuts off and reports a torn last write. */
  static async open(options: LogStoreOptions): Promise<OpenedLog> {
    const store = new LogStore(options);
    await options.disk.makeDirectory(options.directory);
    const { entries, next } = await store.#recover();
    return { store, entries, next };
  }

  /** Number of segment files. */
  get segments(): number {
    return this.#segments.length;
  }

  /** Appends the records; durable when it resolves. After a rejection nothing is promised. */
  async append(records: readonly LogRecord[]): Promise<void> {
    if (records.length === 0) return;
    const limit = this.#options.segmentBytesMax ?? SEGMENT_BYTES_MAX;
    if (this.#file === undefined || this.#broken || this.#size >= limit) await this.#roll();
    const file = this.#file as DiskFile;
    const place = { offset: this.#size, number: this.#frames, salt: this.#salt };
    const frame = encodeFrame(records, place);
    try {
      await file.writeDurably(this.#size, frame);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    this.#frames += 1;
    this.#size += frame.length;
    const segment = this.#segments.at(-1) as Segment;
    for (const record of records) this.#remember(segment, record);
  }

  /** Deletes segments that hold nothing above `index`. The newest one stays. */
  async compact(index: number): Promise<void> {
    let removed = 0;
    for (;;) {
      const oldest = this.#segments[0];
      if (oldest === undefined || this.#segments.length < 2 || oldest.maxIndex > index) break;
      await this.#options.disk.remove(oldest.path);
      this.#segments.shift();
      removed += 1;
    }
    if (removed > 0) await this.#options.disk.syncDirectory(this.#options.directory);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #remember(segment: Segment, record: LogRecord): void {
    if (record.kind === 'entry') {
      segment.maxIndex = Math.max(segment.maxIndex, record.entry.Index);
      return;
    }
    for (const older of this.#segments) older.maxIndex = 0;
  }

  /** Starts a new segment. A failure leaves things as they were, to be tried again. */
  async #roll(): Promise<void> {
    const { disk, directory, random } = this.#options;
    const sequence = (this.#segments.at(-1)?.sequence ?? 0) + 1;
    const path = `${directory}/${String(sequence).padStart(16, '0')}.wal`;
    const salt = random.uint32();
    const header = encodeSegmentHeader({ sequence, salt, previousBytes: this.#size });
    await disk.remove(path);
    const file = await disk.open(path, 'exclusive');
    try {
      await file.write(0, [header]);
      await file.sync();
      await disk.syncDirectory(directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    const old = this.#file;
    this.#file = file;
    this.#salt = salt;
    this.#frames = 0;
    this.#size = header.length;
    this.#broken = false;
    this.#segments.push({ sequence, path, maxIndex: 0 });
    await old?.close();
  }

  async #recover(): Promise<Replay> {
    const { disk, directory } = this.#options;
    const names = (await disk.list(directory)).filter((name) => SEGMENT_NAME.test(name));
    const replay = new Replay(this.#options.coveredThrough ?? 0);
    let previous: { readonly path: string; readonly bytes: Buffer } | undefined;
    for (const name of names) {
      const path = `${directory}/${name}`;
      const bytes = toBuffer(await disk.readFile(path));
      const header = decodeSegmentHeader(bytes);
      const last = name === names.at(-1);
      if (header === undefined) {
        await this.#headless(path, bytes, last);
        break;
      }
      if (previous !== undefined) await this.#replaySealed(replay, previous, header.previousBytes);
      this.#checkSequence(path, header.sequence);
      this.#segments.push({ sequence: header.sequence, path, maxIndex: 0 });
      previous = { path, bytes };
    }
    if (previous !== undefined) await this.#replayNewest(replay, previous);
    await disk.syncDirectory(directory);
    return replay;
  }

  #checkSequence(path: string, sequence: number): void {
    const before = this.#segments.at(-1)?.sequence;
    if (before === undefined || sequence === before + 1) return;
    throw damagedLog(path, 8, `segment ${sequence} follows segment ${before}`);
  }

  /** A newest segment without a whole header was being made when the crash came. */
  async #headless(path: string, bytes: Buffer, last: boolean): Promise<void> {
    if (!last || !isTornSegmentHeader(bytes)) {
      throw damagedLog(path, 0, 'the segment header does not check');
    }
    this.#options.log.warn('removed a log segment that was being made', { path });
    await this.#options.disk.remove(path);
  }

  /** A segment that has a successor: every byte that counts must check. */
  async #replaySealed(
    replay: Replay,
    segment: { readonly path: string; readonly bytes: Buffer },
    sealedBytes: number,
  ): Promise<void> {
    const { path, bytes } = segment;
    const end = await this.#replay(replay, path, bytes.subarray(0, sealedBytes));
    if (end.offset === sealedBytes) return;
    throw damagedLog(path, end.offset, end.reason ?? 'the segment is cut off');
  }

  async #replayNewest(
    replay: Replay,
    segment: { readonly path: string; readonly bytes: Buffer },
  ): Promise<void> {
    const { path, bytes } = segment;
    const end = await this.#replay(replay, path, bytes);
    const file = await this.#options.disk.open(path, 'write');
    this.#file = file;
    this.#size = end.offset;
    this.#frames = end.number;
    this.#salt = end.salt;
    // What the last process wrote may be readable and yet not durable: it is about to be relied on.
    if (end.reason === undefined) return file.sync();
    if (!end.torn || laterFrameExists(bytes, end)) {
      await file.close();
      throw damagedLog(path, end.offset, end.reason);
    }
    this.#options.log.warn('removed a write that was cut off from the end of the raft log', {
      path,
      offset: end.offset,
      bytes: bytes.length - end.offset,
      reason: end.reason,
    });
    await file.truncate(end.offset);
    await file.sync();
  }

  async #replay(replay: Replay, path: string, bytes: Buffer): Promise<SegmentEnd> {
    const segment = this.#segments.at(-1) as Segment;
    const salt = decodeSegmentHeader(bytes)?.salt ?? 0;
    let place: FramePlace = { offset: SEGMENT_HEADER_BYTES, number: 0, salt };
    const turns = new Turns(this.#options.clock);
    while (place.offset < bytes.length) {
      const frame = decodeFrame(bytes, place);
      if (!frame.ok) return { ...place, torn: frame.torn, reason: frame.reason };
      let next = frame.records.next();
      for (; !next.done; next = frame.records.next()) {
        if (turns.over) await turns.next();
        const fault = replay.take(next.value);
        if (fault !== undefined) throw damagedLog(path, place.offset, fault);
        this.#remember(segment, next.value);
      }
      if (next.value !== undefined) return { ...place, torn: false, reason: next.value };
      place = { offset: frame.next, number: place.number + 1, salt };
    }
    return { ...place, torn: false, reason: undefined };
  }
}

/** The place behind the last frame that was read. */
interface SegmentEnd extends FramePlace {
  /** Why what stands there is no frame; `undefined` at a clean end. */
  readonly reason: string | undefined;
  /** Whether a crash explains it. */
  readonly torn: boolean;
}

/** Entries as they stand after all records so far. */
class Replay {
  readonly entries: LogEntry[] = [];
  readonly #coveredThrough: number;
  next: number | undefined;

  constructor(coveredThrough: number) {
    this.#coveredThrough = coveredThrough;
  }

  /** Returns what is wrong with a record that cannot follow. */
  take(record: LogRecord): string | undefined {
    if (record.kind === 'reset') {
      this.entries.length = 0;
      this.next = record.at.index + 1;
      return undefined;
    }
    const { entry } = record;
    const next = this.next ?? entry.Index;
    const first = this.entries[0]?.Index ?? next;
    if (entry.Index > next) return `entry ${entry.Index} where ${next} or less may stand`;
    // It may replace what begins further back than we have: that was in a segment deleted since.
    const covered = entry.Index <= this.#coveredThrough;
    this.entries.length = covered ? 0 : Math.max(0, entry.Index - first);
    this.entries.push(entry);
    this.next = entry.Index + 1;
    return undefined;
  }
}

/** The point a log begins behind, as a record. */
export function resetRecord(at: LogPoint): LogRecord {
  return { kind: 'reset', at };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
