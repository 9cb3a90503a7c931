// Disks of their own for servers (tmpfs), small enough to be filled: no write to them finds room, nor
// can a file be made (ENOSPC). Needs the right to mount, which is root's.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Disks, Node } from './cluster.ts';
import type { Room } from './room.ts';

const DISK_BYTES = 48 * 1024 * 1024;
const BLOCK_BYTES = 4_096;
/** What fills the disk beside what the server writes. */
const BALLAST = 'ballast';
const BALLAST_WRITE_BYTES = 1024 * 1024;

/** Why there can be no such disks here; `undefined` when there can. */
export function whyNoSmallDisks(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-mount-'));
  try {
    mount(folder);
    unmount(folder);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmdirSync(folder);
  }
}

export class SmallDisks implements Room, Disks {
  readonly #folders: string[] = [];

  at(folder: string): void {
    mount(folder);
    this.#folders.push(folder);
  }

  /** To the block: what is left of the last block of the log is not counted. */
  leave({ folder }: Node, bytes: number): void {
    const file = openSync(join(folder, BALLAST), 'w');
    const filled = fill(file);
    ftruncateSync(file, Math.max(0, filled - Math.floor(bytes / BLOCK_BYTES) * BLOCK_BYTES));
    closeSync(file);
  }

  leaveNone({ folder }: Node): void {
    const file = openSync(join(folder, BALLAST), 'a');
    fill(file);
    closeSync(file);
  }

  give({ folder }: Node): void {
    rmSync(join(folder, BALLAST), { force: true });
  }

  close(): void {
    for (const folder of this.#folders) unmount(folder);
  }
}

/** Writes until there is no room; the length of the file then. */
function fill(file: number): number {
  for (let bytes = BALLAST_WRITE_BYTES; bytes >= 1; ) {
    try {
      writeSync(file, new Uint8Array(bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      bytes = Math.floor(bytes / 2);
    }
  }
  return fstatSync(file).size;
}

function mount(folder: string): void {
  run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'mobius-test', folder]);
}

function unmount(folder: string): void {
  run('umount', [folder]);
}

function run(command: string, args: readonly string[]): void {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
}
