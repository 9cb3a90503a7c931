/**
 * The disk of a simulated host. Contents survive the process; what was not synced may not survive a
 * loss of power, as disks and file systems allow.
 *
 * A disk writes sectors of 512 bytes, each whole or not at all, in any order. So each unsynced write
 * of a file is kept, lost or torn; a torn one lacks its end, or some of its sectors, which are as
 * they were before: zeros where the file had not reached. Unsynced changes of a folder are kept or
 * lost in order. Bits turn around only when somebody asks for it (`flipBit`).
 */

import { posix } from 'node:path';
import { systemError } from '../errors.ts';
import type { Disk, DiskFile } from '../world.ts';
import type { SeededRandom } from './random.ts';

/** A disk operation about to run, for injecting failures. */
export interface DiskOperation {
  readonly kind:
    | 'open'
    | 'read'
    | 'write'
    | 'sync'
    | 'truncate'
    | 'replace'
    | 'rename'
    | 'remove'
    | 'list'
    | 'mkdir';
  readonly path: string;
  /** Bytes to be written; 0 for anything else. */
  readonly bytes: number;
}

/** Decides whether an operation fails: an error code such as `EIO`, or undefined. */
export type DiskFault = (operation: DiskOperation) => string | undefined;

export interface DiskSettings {
  /** Of a read, a write, a change of a folder. */
  readonly latencyMs: readonly [number, number];
  readonly syncMs: readonly [number, number];
  /** What is written beyond fails with `ENOSPC`. */
  readonly capacityBytes: number;
}

export const DEFAULT_DISK: DiskSettings = {
  latencyMs: [0.01, 0.05],
  syncMs: [0.2, 1],
  capacityBytes: Number.POSITIVE_INFINITY,
};

/** Does something after a simulated time, unless its process is dead by then. */
export type Later = (ms: number, run: () => void) => void;

type Perform = <T>(operation: DiskOperation, run: () => T) => Promise<T>;

const SECTOR_BYTES = 512;
/** Of the writes that a loss of power meets on their way to the disk. */
const CUT_SHARE = 0.2;
const SECTORS_LOST_SHARE = 0.4;

/** A write or, without bytes, a truncation. */
interface Change {
  readonly offset: number;
  readonly bytes: Uint8Array | undefined;
}

const NOTHING = new Uint8Array(0);
const CONTENT_BYTES_MIN = 256;
/** What a file that grows gets is so many times what it had. */
const GROWTH = 4;

/** Bytes that grow as needed. */
class Content {
  #buffer = NOTHING;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#buffer.slice(offset, Math.min(offset + length, this.#size));
  }

  write(offset: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.#size, offset + bytes.length));
    this.#buffer.set(bytes, offset);
  }

  resize(size: number): void {
    if (size > this.#buffer.length) {
      const room = Math.max(size, GROWTH * this.#buffer.length, CONTENT_BYTES_MIN);
      const grown = new Uint8Array(room);
      grown.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = grown;
    }
    if (size < this.#size) this.#buffer.fill(0, size, this.#size);
    this.#size = size;
  }

  apply({ offset, bytes }: Change): void {
    if (bytes === undefined) this.resize(offset);
    else this.write(offset, bytes);
  }

  flip(place: number, bit: number): void {
    if (place < this.#size) this.#buffer[place] = (this.#buffer[place] as number) ^ (1 << bit);
  }

  /** Another of the same bytes, or of the first `size` of them. */
  copy(size = this.#size): Content {
    const copy = new Content();
    copy.write(0, this.#buffer.subarray(0, size));
    return copy;
  }
}

class FileNode {
  /** As processes see it. */
  #cached = new Content();
  /** As of the last sync; absent while it is nothing but the first `#storedSize` bytes of the cache. */
  #stored: Content | undefined;
  #storedSize = 0;
  #unsynced: Change[] = [];

  get size(): number {
    return this.#cached.size;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#cached.read(offset, length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#change({ offset, bytes });
  }

  truncate(size: number): void {
    this.#change({ offset: size, bytes: undefined });
  }

  sync(): void {
    const stored = this.#stored;
    if (stored === undefined) this.#storedSize = this.#cached.size;
    else for (const change of this.#unsynced) stored.apply(change);
    this.#unsynced = [];
  }

  flip(bit: number): void {
    const place = Math.floor(bit / 8) % Math.max(1, this.size);
    this.#apart().flip(place, bit % 8);
    this.#cached.flip(place, bit % 8);
  }

  /** What was stored, and of the changes since those that were met on their way: a share of `met`. */
  losePower(random: SeededRandom, met: number): void {
    if (this.#unsynced.length === 0) return;
    const stored = this.#apart();
    const cached = stored.copy();
    for (const change of this.#unsynced) {
      cached.apply(change);
      if (!random.chance(met)) continue;
      const { offset, bytes } = change;
      if (bytes === undefined) stored.resize(offset);
      else reach(stored, { offset, length: bytes.length }, cached, random);
    }
    this.#unsynced = [];
    this.#cached = stored;
    this.#stored = undefined;
    this.#storedSize = stored.size;
  }

  /** Most files only grow: what is stored of them stays as it is in the cache. */
  #change(change: Change): void {
    if (change.offset < this.#storedSize) this.#apart();
    this.#cached.apply(change);
    this.#unsynced.push(change);
  }

  /** What is stored, apart from what is cached. */
  #apart(): Content {
    this.#stored ??= this.#cached.copy(this.#storedSize);
    return this.#stored;
  }
}

/** Some or all sectors that were written to reach the disk, as they are in the cache. */
function reach(
  stored: Content,
  { offset, length }: { readonly offset: number; readonly length: number },
  cached: Content,
  random: SeededRandom,
): void {
  const how = random.float();
  const cut = how < CUT_SHARE;
  const lost = how < CUT_SHARE + SECTORS_LOST_SHARE && !cut;
  const kept = lost ? random.between(0.5, 1) : 1;
  const end = offset + (cut ? Math.floor(random.float() * length) : length);
  stored.resize(Math.max(stored.size, end));
  for (let at = offset - (offset % SECTOR_BYTES); at < end; at += SECTOR_BYTES) {
    if (!random.chance(kept)) continue;
    stored.write(at, cached.read(at, Math.min(SECTOR_BYTES, end - at)));
  }
}

type Entry = FileNode | 'folder';
type Names = Map<string, Entry>;

/** A change of folders that may be lost until the folders are synced. */
interface NameChange {
  readonly folders: readonly string[];
  readonly apply: (names: Names) => void;
}

/** Contents of a disk. Outlives the processes that use it. */
export class SimulatedDisk {
  settings: DiskSettings = DEFAULT_DISK;
  /** Asked before each operation. */
  fault: DiskFault | undefined;
  readonly #random: SeededRandom;
  #names: Names = new Map([['/', 'folder']]);
  #durable: Names = new Map([['/', 'folder']]);
  #changes: NameChange[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Paths of all files, sorted. */
  get files(): readonly string[] {
    return [...this.#names]
      .filter(([, entry]) => entry !== 'folder')
      .map(([path]) => path)
      .sort();
  }

  get usedBytes(): number {
    let sum = 0;
    for (const entry of this.#names.values()) if (entry !== 'folder') sum += entry.size;
    return sum;
  }

  /** Bytes of a file. */
  sizeOf(path: string): number {
    return this.#file(path, `stat ${path}`).size;
  }

  /** The disk is replaced by an empty one. */
  wipe(): void {
    this.#names = new Map([['/', 'folder']]);
    this.#durable = new Map([['/', 'folder']]);
    this.#changes = [];
  }

  /** Turns one bit of a file around. */
  flipBit(path: string, bit: number): void {
    this.#file(path, `flip ${path}`).flip(bit);
  }

  /** What a loss of power leaves. */
  losePower(): void {
    const changes = this.#changes;
    const share = this.#random.chance(0.5) ? this.#random.between(0.5, 1) : 0;
    const kept = Math.floor(this.#random.float() * (changes.length + 1));
    for (const change of changes.slice(0, kept)) change.apply(this.#durable);
    this.#changes = [];
    this.#names = new Map(this.#durable);
    for (const path of this.#durable.keys()) addFolders(this.#names, path);
    for (const entry of this.#names.values()) {
      if (entry !== 'folder') entry.losePower(this.#random, share);
    }
    this.#durable = new Map(this.#names);
  }

  /** The door to this disk for one process. */
  door(later: Later): Disk {
    const random = this.#random;
    /** Takes its time, and fails or does what it does. */
    const perform: Perform = (operation, run) => {
      const { latencyMs, syncMs } = this.settings;
      const [least, most] =
        operation.kind === 'sync' || operation.kind === 'replace' ? syncMs : latencyMs;
      return new Promise((resolve, reject) => {
        later(random.between(least, most), () => {
          try {
            this.#mayFail(operation);
            resolve(run());
          } catch (error) {
            reject(error);
          }
        });
      });
    };
    const plain = <T>(kind: DiskOperation['kind'], path: string, run: () => T): Promise<T> =>
      perform({ kind, path, bytes: 0 }, run);
    return {
      open: (path, mode) =>
        plain('open', path, () =>
          this.#handle(path, this.#open(normal(path), mode, `open ${path}`), perform),
        ),
      readFile: (path) =>
        plain('open', path, () => {
          const file = this.#file(path, `open ${path}`);
          return file.read(0, file.size);
        }),
      writeFileAtomic: (path, content) => {
        const kept = content.slice();
        return perform({ kind: 'replace', path, bytes: kept.length }, () => {
          const file = new FileNode();
          file.write(0, kept);
          file.sync();
          this.#put(normal(path), file, `open ${path}`);
          this.#syncFolder(posix.dirname(normal(path)));
        });
      },
      list: (path) => plain('list', path, () => this.#list(normal(path), `open ${path}`)),
      makeDirectory: (path) =>
        plain('mkdir', path, () => {
          const folder = normal(path);
          if (this.#names.get(folder) === 'folder') return;
          this.#change([posix.dirname(folder)], (names) => {
            addFolders(names, `${folder}/x`);
          });
        }),
      rename: (from, to) =>
        plain('rename', from, () => this.#rename(normal(from), normal(to), `rename ${from} ${to}`)),
      remove: (path) =>
        plain('remove', path, () => {
          const gone = normal(path);
          this.#change([posix.dirname(gone)], (names) => {
            for (const name of [...names.keys()]) if (isWithin(name, gone)) names.delete(name);
          });
        }),
      exists: (path) => plain('list', path, () => this.#names.has(normal(path))),
      syncDirectory: (path) => plain('sync', path, () => this.#syncFolder(normal(path))),
      space: async (path) => ({ path, totalBytes: 0, freeBytes: 0, files: 0, filesFree: 0 }),
    };
  }

  /** Throws when somebody wants the operation to fail, or there is no room for it. */
  #mayFail(operation: DiskOperation): void {
    const code = this.fault?.(operation);
    if (code !== undefined) throw systemError(code, `${operation.kind} ${operation.path}`);
    if (!this.#hasRoomFor(operation.bytes)) {
      throw systemError('ENOSPC', `${operation.kind} ${operation.path}`);
    }
  }

  #hasRoomFor(bytes: number): boolean {
    const { capacityBytes } = this.settings;
    if (bytes === 0 || capacityBytes === Number.POSITIVE_INFINITY) return true;
    return this.usedBytes + bytes <= capacityBytes;
  }

  #handle(path: string, file: FileNode, perform: Perform): DiskFile {
    const handle: DiskFile = {
      path,
      size: async () => file.size,
      read: (offset, length) =>
        perform({ kind: 'read', path, bytes: 0 }, () => file.read(offset, length)),
      write: (offset, chunks) => {
        const bytes = Buffer.concat(chunks);
        return perform({ kind: 'write', path, bytes: bytes.length }, () =>
          file.write(offset, bytes),
        );
      },
      truncate: (size) => perform({ kind: 'truncate', path, bytes: 0 }, () => file.truncate(size)),
      sync: () => perform({ kind: 'sync', path, bytes: 0 }, () => file.sync()),
      // Two operations, so that a crash may come between them.
      writeDurably: async (offset, chunk) => {
        await handle.write(offset, [chunk]);
        await handle.sync();
      },
      close: async () => {},
    };
    return handle;
  }

  #open(path: string, mode: 'read' | 'write' | 'create' | 'exclusive', attempt: string): FileNode {
    const entry = this.#names.get(path);
    if (entry === 'folder') throw systemError('EISDIR', attempt);
    if (entry && mode === 'exclusive') throw systemError('EEXIST', attempt);
    if (entry) return entry;
    if (mode === 'read' || mode === 'write') throw systemError('ENOENT', attempt);
    const made = new FileNode();
    this.#put(path, made, attempt);
    return made;
  }

  #file(path: string, attempt: string): FileNode {
    const entry = this.#names.get(normal(path));
    if (entry === undefined) throw systemError('ENOENT', attempt);
    if (entry === 'folder') throw systemError('EISDIR', attempt);
    return entry;
  }

  #put(path: string, file: FileNode, attempt: string): void {
    const folder = posix.dirname(path);
    if (this.#names.get(folder) !== 'folder') throw systemError('ENOENT', attempt);
    this.#change([folder], (names) => names.set(path, file));
  }

  #list(folder: string, attempt: string): string[] {
    if (this.#names.get(folder) !== 'folder') throw systemError('ENOENT', attempt);
    return [...this.#names.keys()]
      .filter((name) => name !== '/' && posix.dirname(name) === folder)
      .map((name) => posix.basename(name))
      .sort();
  }

  #rename(from: string, to: string, attempt: string): void {
    const missing = !this.#names.has(from) || this.#names.get(posix.dirname(to)) !== 'folder';
    if (missing) throw systemError('ENOENT', attempt);
    this.#change([posix.dirname(from), posix.dirname(to)], (names) => {
      const moved = [...names].filter(([name]) => isWithin(name, from));
      for (const [name] of moved) names.delete(name);
      for (const [name, entry] of moved) names.set(to + name.slice(from.length), entry);
    });
  }

  #change(folders: readonly string[], apply: (names: Names) => void): void {
    apply(this.#names);
    this.#changes.push({ folders, apply });
  }

  /** Changes of other folders may become durable with it; those of this one must. */
  #syncFolder(folder: string): void {
    const last = this.#changes.findLastIndex((change) => change.folders.includes(folder));
    for (const change of this.#changes.slice(0, last + 1)) change.apply(this.#durable);
    this.#changes = this.#changes.slice(last + 1);
  }
}

function normal(path: string): string {
  const whole = posix.normalize(posix.isAbsolute(path) ? path : `/${path}`);
  return whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole;
}

function isWithin(name: string, folder: string): boolean {
  return name === folder || name.startsWith(`${folder}/`);
}

/** Adds the folders above `path`. */
function addFolders(names: Names, path: string): void {
  for (let folder = posix.dirname(path); ; folder = posix.dirname(folder)) {
    if (!names.has(folder)) names.set(folder, 'folder');
    if (folder === '/') return;
  }
}
