/** `snapshot save|restore|inspect`. */

import { dirname } from 'node:path';
import { textOf } from '../../error-text.ts';
import { fileErrorText } from '../../file-errors.ts';
import type { Flags } from '../../flags.ts';
import type { ArchiveMeta } from '../../fsm/archive/meta.ts';
import { readArchive } from '../../fsm/archive/read.ts';
import { RecordCounter } from '../../fsm/inspect.ts';
import { FileAppender, filePieces } from '../../world/file-pieces.ts';
import type { Disk, DiskFile } from '../../world/world.ts';
import {
  AGENT_FLAGS,
  type AgentApi,
  attempt,
  DATACENTER_FLAGS,
  openAgentApi,
} from '../agent-api.ts';
import { type Command, CommandError } from '../command.ts';

const COMMON = [...AGENT_FLAGS, ...DATACENTER_FLAGS];
/** Blanks between the columns of `inspect`. */
const PADDING = 6;

export function snapshotCommands(disk: Disk): readonly Command[] {
  return [saveCommand(disk), restoreCommand(disk), inspectCommand(disk)];
}

function saveCommand(disk: Disk): Command {
  return {
    path: ['snapshot', 'save'],
    synopsis: 'Saves the state of a datacenter to a file',
    parameters: 'FILE',
    flags: COMMON,
    async run(flags, terminal) {
      const file = fileArgument(flags);
      const unverified = `${file}.unverified`;
      const api = await openAgentApi(flags, terminal, disk);
      try {
        await download(api, disk, unverified);
        const { Index } = await attempt('Error verifying snapshot file', () =>
          reading(disk, unverified, (pieces) => readArchive(pieces, () => {})),
        );
        await attempt('Error writing snapshot file', async () => {
          await disk.rename(unverified, file);
          await disk.syncDirectory(dirname(file));
        });
        terminal.out(`Saved and verified snapshot to index ${Index}\n`);
        return 0;
      } finally {
        api.close();
        await disk.remove(unverified);
      }
    },
  };
}

/** Writes what the agent sends to a new file; durable when it resolves. */
async function download(api: AgentApi, disk: Disk, path: string): Promise<void> {
  const writing = 'Error writing unverified snapshot file';
  const file = await attempt(writing, async () => {
    await disk.remove(path);
    return disk.open(path, 'exclusive');
  });
  try {
    const appender = new FileAppender(file);
    await attempt('Error saving snapshot', () =>
      api.download('/v1/snapshot', (piece) => appender.append(piece)),
    );
    await attempt(writing, async () => {
      await appender.flush();
      await file.sync();
    });
  } finally {
    await file.close();
  }
}

function restoreCommand(disk: Disk): Command {
  return {
    path: ['snapshot', 'restore'],
    synopsis: 'Replaces the state of a datacenter by that of a file',
    parameters: 'FILE',
    flags: COMMON,
    async run(flags, terminal) {
      const file = fileArgument(flags);
      return reading(disk, file, async (pieces) => {
        const api = await openAgentApi(flags, terminal, disk);
        try {
          await attempt('Error restoring snapshot', () => api.upload('/v1/snapshot', pieces));
          terminal.out('Restored snapshot\n');
          return 0;
        } finally {
          api.close();
        }
      });
    },
  };
}

function inspectCommand(disk: Disk): Command {
  return {
    path: ['snapshot', 'inspect'],
    synopsis: 'Shows what a snapshot file holds',
    parameters: 'FILE',
    flags: [],
    async run(flags, terminal) {
      return reading(disk, fileArgument(flags), async (pieces) => {
        try {
          const counter = new RecordCounter();
          const meta = await readArchive(pieces, (piece) => counter.add(piece));
          terminal.out(`${inspected(meta, counter)}\n`);
          return 0;
        } catch (error) {
          terminal.err(`Error reading snapshot: ${textOf(error)}\n`);
          return 2;
        }
      });
    },
  };
}

function fileArgument(flags: Flags): string {
  const [file, ...more] = flags.rest;
  if (file === undefined) throw new CommandError('Missing FILE argument');
  if (more.length > 0) {
    throw new CommandError(`Too many arguments (expected 1, got ${more.length + 1})`);
  }
  return file;
}

/** Opens a snapshot file for `work`, and closes it behind. */
async function reading<T>(
  disk: Disk,
  path: string,
  work: (pieces: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  let file: DiskFile;
  try {
    file = await disk.open(path, 'read');
  } catch (error) {
    const text = `Error opening snapshot file: ${fileErrorText('open', path, error)}`;
    throw new CommandError(text, { cause: error });
  }
  try {
    return await work(filePieces(file));
  } finally {
    await file.close();
  }
}

function inspected(meta: ArchiveMeta, counter: RecordCounter): string {
  const facts = [
    ['ID', meta.ID],
    ['Size', meta.Size],
    ['Index', meta.Index],
    ['Term', meta.Term],
    ['Version', meta.Version],
  ].map(([name, value]) => `${String(name).padEnd('Version'.length + PADDING)}${value}`);
  const rows = counter.finish().map(({ name, count, size }) => [name, count, byteSize(size)]);
  const head = ['Type', 'Count', 'Size'];
  const rule = ['----', '----', '----'];
  const table = [head, rule, ...rows, rule];
  const widths = [0, 1, 2].map(
    (column) => Math.max(...table.map((row) => String(row[column]).length)) + PADDING,
  );
  const line = (cells: readonly unknown[]): string =>
    ` ${cells.map((cell, column) => String(cell).padEnd(widths[column] ?? 0)).join('')}`;
  const total = line(['Total', '', byteSize(counter.bytes)]).trimEnd();
  return [...facts, '', '', ...table.map(line), total].join('\n');
}

/** `705B`, `8.3KB`, as Consul shows sizes. */
function byteSize(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1).replace(/\.0$/, '')}${units[unit]}`;
}
