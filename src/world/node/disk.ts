/** The machine's disk. */

import {
  constants,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorFrom } from '../errors.ts';
import type { Disk, DiskFile } from '../world.ts';
import { plainBytes } from './stream.ts';

const OPEN_FLAGS = { read: 'r', write: 'r+', create: 'a+', exclusive: 'wx+' } as const;
const DURABLE_FLAGS = constants.O_WRONLY | constants.O_DSYNC;

/** New files and folders are the owner's alone: they hold keys and tokens. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Tells temporary files of one process apart. */
let temporaryFiles = 0;

export const nodeDisk: Disk = {
  open: (path, mode) => attempt(`open ${path}`, () => openFile(path, mode)),
  readFile: (path) => attempt(`open ${path}`, async () => plainBytes(await readFile(path))),
  writeFileAtomic: (path, content, mode = FILE_MODE) =>
    attempt(`write ${path}`, () => replaceFile(path, content, mode)),
  list: (path) => attempt(`open ${path}`, async () => (await readdir(path)).sort()),
  makeDirectory: (path) =>
    attempt(`mkdir ${path}`, async () => {
      await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    }),
  rename: (from, to) => attempt(`rename ${from} ${to}`, () => rename(from, to)),
  remove: (path) => attempt(`remove ${path}`, () => rm(path, { recursive: true, force: true })),
  exists: (path) =>
    attempt(`stat ${path}`, () =>
      stat(path).then(
        () => true,
        (error: unknown) => {
          if (systemErrorFrom(error, '').code === 'ENOENT') return false;
          throw error;
        },
      ),
    ),
  syncDirectory: (path) => attempt(`sync ${path}`, () => syncDirectory(path)),
  space: (path) =>
    attempt(`statfs ${path}`, async () => {
      const { bsize, blocks, bavail, files, ffree } = await statfs(path);
      const bytes = { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
      return { path, ...bytes, files, filesFree: ffree };
    }),
};

async function attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw systemErrorFrom(error, what);
  }
}

async function openFile(
  path: string,
  mode: 'read' | 'write' | 'create' | 'exclusive',
): Promise<DiskFile> {
  if (mode === 'create') {
    // `a+` makes the file, but then ignores write offsets: make it, then open it for writing.
    await (await open(path, OPEN_FLAGS.create, FILE_MODE)).close();
    return new NodeFile(path, await open(path, OPEN_FLAGS.write, FILE_MODE));
  }
  return new NodeFile(path, await open(path, OPEN_FLAGS[mode], FILE_MODE));
}

async function replaceFile(path: string, content: Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.tmp${temporaryFiles++}`;
  try {
    const handle = await open(temporary, 'w', mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(content);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #handle: FileHandle;
  /** The same file, each write to which is durable; opened by the first of them. */
  #durable: FileHandle | undefined;
  #opening: Promise<FileHandle> | undefined;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  size(): Promise<number> {
    return attempt(`stat ${this.path}`, async () => (await this.#handle.stat()).size);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return attempt(`read ${this.path}`, async () => {
      const buffer = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const left = length - filled;
        const { bytesRead } = await this.#handle.read(buffer, filled, left, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled === length ? buffer : buffer.subarray(0, filled);
    });
  }

  write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    return attempt(`write ${this.path}`, () => writeAll(this.#handle, offset, chunks));
  }

  writeDurably(offset: number, chunk: Uint8Array): Promise<void> {
    return attempt(`write ${this.path}`, async () => {
      // Once it is open the write begins at once, beside whatever else the caller does next.
      const handle = this.#durable ?? (await this.#openDurable());
      await writeAll(handle, offset, [chunk]);
    });
  }

  truncate(size: number): Promise<void> {
    return attempt(`truncate ${this.path}`, () => this.#handle.truncate(size));
  }

  sync(): Promise<void> {
    return attempt(`sync ${this.path}`, () => this.#handle.datasync());
  }

  close(): Promise<void> {
    return attempt(`close ${this.path}`, async () => {
      await this.#handle.close();
      await (await this.#opening)?.close();
    });
  }

  /** A failure is for whoever writes now; the next write tries again. */
  async #openDurable(): Promise<FileHandle> {
    this.#opening ??= open(this.path, DURABLE_FLAGS);
    try {
      this.#durable = await this.#opening;
      return this.#durable;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }
}

async function writeAll(
  handle: FileHandle,
  offset: number,
  chunks: readonly Uint8Array[],
): Promise<void> {
  let position = offset;
  let left: Uint8Array[] = chunks.filter((chunk) => chunk.length > 0);
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left, position);
    position += bytesWritten;
    left = withoutFirst(left, bytesWritten);
  }
}

/** What is left of `chunks` after the first `count` bytes of them were written. */
function withoutFirst(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let skipped = 0;
  for (const [place, chunk] of chunks.entries()) {
    if (skipped + chunk.length > count) {
      return [chunk.subarray(count - skipped), ...chunks.slice(place + 1)];
    }
    skipped += chunk.length;
  }
  return [];
}
