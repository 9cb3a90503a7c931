// The disk of a process, as full as one likes.

import { spawnSync } from 'node:child_process';
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Node } from './cluster.ts';

/** TMPFS_MAGIC of statfs(2). */
const TMPFS = 0x01021994;

/** The room that servers have for what they write. */
export interface Room {
  /** The next writes to the log fit, up to so many bytes; one is cut off in the middle. */
  leave(node: Node, bytes: number): void;
  leaveNone(node: Node): void;
  give(node: Node): void;
}

/** Why files of a process cannot be limited here; `undefined` when they can. */
export function whyNoLimits(): string | undefined {
  const { error, status } = spawnSync('prlimit', ['--version']);
  return error !== undefined || status !== 0 ? 'there is no prlimit (util-linux)' : undefined;
}

/** Why what the servers write does not reach a disk; `undefined` when it does. */
export function whyNoDisk(): string | undefined {
  const inMemory = statfsSync(tmpdir()).type === TMPFS;
  return inMemory ? `${tmpdir()} is in memory; TMPDIR names another folder` : undefined;
}

/**
 * No file of a server can grow beyond the limit that the system puts on it (RLIMIT_FSIZE). A write
 * across the limit is cut off there, as on a disk that runs full.
 */
export const LIMITED_FILES: Room = {
  leave: (node, bytes) => limitFiles(node, newestSegmentBytes(node) + bytes),
  leaveNone: (node) => limitFiles(node, 1),
  give: (node) => limitFiles(node, 'unlimited'),
};

function limitFiles({ server }: Node, bytes: number | 'unlimited'): void {
  const args = ['--pid', String(server.pid), `--fsize=${bytes}:unlimited`];
  const { status, stderr } = spawnSync('prlimit', args);
  if (status !== 0) throw new Error(`prlimit ${args.join(' ')}: ${stderr}`);
}

function newestSegmentBytes({ folder }: Node): number {
  const wal = join(folder, 'raft', 'wal');
  const newest = readdirSync(wal).sort().at(-1);
  return newest === undefined ? 0 : statSync(join(wal, newest)).size;
}
