/** A real, empty folder as a disk of its own: relative paths are those of the folder. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { nodeDisk } from '../../src/world/node/disk.ts';
import type { Disk } from '../../src/world/world.ts';

export interface FolderDisk extends Disk {
  readonly folder: string;
  destroy(): Promise<void>;
}

export async function createFolderDisk(): Promise<FolderDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'mobius-test-'));
  const at = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  return {
    folder,
    destroy: () => rm(folder, { recursive: true, force: true }),
    open: (path, mode) => nodeDisk.open(at(path), mode),
    readFile: (path) => nodeDisk.readFile(at(path)),
    writeFileAtomic: (path, content, mode) => nodeDisk.writeFileAtomic(at(path), content, mode),
    list: (path) => nodeDisk.list(at(path)),
    makeDirectory: (path) => nodeDisk.makeDirectory(at(path)),
    rename: (from, to) => nodeDisk.rename(at(from), at(to)),
    remove: (path) => nodeDisk.remove(at(path)),
    exists: (path) => nodeDisk.exists(at(path)),
    syncDirectory: (path) => nodeDisk.syncDirectory(at(path)),
    space: (path) => nodeDisk.space(at(path)),
  };
}
