/** A disk that forgets: what `-dev` agents write to, since they keep nothing. */

import { posix } from 'node:path';
import { systemError } from './errors.ts';
import type { Disk, DiskFile } from './world.ts';

/** A growing file. */
class MemoryFile {
  #bytes = new Uint8Array(256);
  size = 0;

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(Math.min(offset, this.size), Math.min(offset + length, this.size));
  }

  write(offset: number, chunks: readonly Uint8Array[]): void {
    let at = offset;
    for (const chunk of chunks) {
      this.#reserve(at + chunk.length);
      this.#bytes.set(chunk, at);
      at += chunk.length;
    }
    this.size = Math.max(this.size, at);
  }

  truncate(size: number): void {
    this.#reserve(size);
    this.#bytes.fill(0, Math.min(size, this.size), Math.max(size, this.size));
    this.size = size;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** A new, empty disk. Folders exist once they are made; the root exists always. */
export function createMemoryDisk(): Disk {
  const files = new Map<string, MemoryFile>();
  const folders = new Set<string>(['/', '.']);
  const norm = (path: string): string => posix.normalize(path).replace(/(.)\/$/, '$1');
  const missing = (attempt: string, path: string) => systemError('ENOENT', `${attempt} ${path}`);
  const below = (path: string): string => (path === '/' ? '/' : `${path}/`);

  const found = (path: string): MemoryFile => {
    const file = files.get(norm(path));
    if (file === undefined) throw missing('open', path);
    return file;
  };
  const made = (path: string): MemoryFile => {
    const at = norm(path);
    if (!folders.has(posix.dirname(at))) throw missing('open', path);
    const file = new MemoryFile();
    files.set(at, file);
    return file;
  };
  const move = (from: string, to: string): void => {
    const [source, target] = [norm(from), norm(to)];
    if (!files.has(source) && !folders.has(source)) throw missing('rename', from);
    for (const [path, file] of [...files]) {
      if (path !== source && !path.startsWith(below(source))) continue;
      files.delete(path);
      files.set(`${target}${path.slice(source.length)}`, file);
    }
    for (const path of [...folders]) {
      if (path !== source && !path.startsWith(below(source))) continue;
      folders.delete(path);
      folders.add(`${target}${path.slice(source.length)}`);
    }
  };
  const erase = (path: string): void => {
    const gone = norm(path);
    for (const name of [...files.keys(), ...folders]) {
      if (name !== gone && !name.startsWith(below(gone))) continue;
      files.delete(name);
      folders.delete(name);
    }
  };

  return {
    async open(path, mode) {
      const exists = files.has(norm(path));
      if (mode === 'exclusive' && exists) throw systemError('EEXIST', `open ${path}`);
      const create = !exists && (mode === 'create' || mode === 'exclusive');
      return opened(path, create ? made(path) : found(path));
    },
    async readFile(path) {
      const file = found(path);
      return file.read(0, file.size);
    },
    async writeFileAtomic(path, content) {
      made(path).write(0, [content]);
    },
    async list(path) {
      const folder = norm(path);
      if (!folders.has(folder)) throw missing('open', path);
      const names = [...files.keys(), ...folders]
        .filter((name) => name !== folder && posix.dirname(name) === folder)
        .map((name) => posix.basename(name));
      return [...new Set(names)].sort();
    },
    async makeDirectory(path) {
      for (let at = norm(path); !folders.has(at); at = posix.dirname(at)) folders.add(at);
    },
    rename: async (from, to) => move(from, to),
    remove: async (path) => erase(path),
    exists: async (path) => files.has(norm(path)) || folders.has(norm(path)),
    syncDirectory: async () => {},
    space: async (path) => ({ path, totalBytes: 0, freeBytes: 0, files: 0, filesFree: 0 }),
  };
}

function opened(path: string, file: MemoryFile): DiskFile {
  return {
    path,
    size: async () => file.size,
    read: async (offset, length) => file.read(offset, length),
    write: async (offset, chunks) => file.write(offset, chunks),
    writeDurably: async (offset, chunk) => file.write(offset, [chunk]),
    truncate: async (size) => file.truncate(size),
    sync: async () => {},
    close: async () => {},
  };
}
