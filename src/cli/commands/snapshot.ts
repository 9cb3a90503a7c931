/** `snapshot save|restore|inspect`. */

import { textOf } from '../../error-text.ts';
import { fileErrorText } from '../../file-errors.ts';
import type { Flags } from '../../flags.ts';
import { type Archive, unpackArchive } from '../../fsm/archive.ts';
import { countRecords } from '../../fsm/inspect.ts';
import type { Disk } from '../../world/world.ts';
import { AGENT_FLAGS, attempt, DATACENTER_FLAGS, openAgentApi } from '../agent-api.ts';
import { type Command, CommandError } from '../command.ts';

const COMMON = [...AGENT_FLAGS, ...DATACENTER_FLAGS];
const FILE_MODE = 0o600;
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
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const bytes = await attempt('Error saving snapshot', () => api.get('/v1/snapshot'));
        const { meta } = await attempt('Error verifying snapshot file', () => unpackArchive(bytes));
        await attempt('Error writing snapshot file', () =>
          disk.writeFileAtomic(file, bytes, FILE_MODE),
        );
        terminal.out(`Saved and verified snapshot to index ${meta.Index}\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function restoreCommand(disk: Disk): Command {
  return {
    path: ['snapshot', 'restore'],
    synopsis: 'Replaces the state of a datacenter by that of a file',
    parameters: 'FILE',
    flags: COMMON,
    async run(flags, terminal) {
      const bytes = await readSnapshot(disk, fileArgument(flags));
      const api = await openAgentApi(flags, terminal, disk);
      try {
        await attempt('Error restoring snapshot', () => api.put('/v1/snapshot', {}, bytes));
        terminal.out('Restored snapshot\n');
        return 0;
      } finally {
        api.close();
      }
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
      const bytes = await readSnapshot(disk, fileArgument(flags));
      try {
        terminal.out(`${inspected(await unpackArchive(bytes))}\n`);
        return 0;
      } catch (error) {
        terminal.err(`Error reading snapshot: ${textOf(error)}\n`);
        return 2;
      }
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

async function readSnapshot(disk: Disk, file: string): Promise<Uint8Array> {
  try {
    return await disk.readFile(file);
  } catch (error) {
    const text = `Error opening snapshot file: ${fileErrorText('open', file, error)}`;
    throw new CommandError(text, { cause: error });
  }
}

function inspected({ meta, state }: Archive): string {
  const facts = [
    ['ID', meta.ID],
    ['Size', meta.Size],
    ['Index', meta.Index],
    ['Term', meta.Term],
    ['Version', meta.Version],
  ].map(([name, value]) => `${String(name).padEnd('Version'.length + PADDING)}${value}`);
  const rows = countRecords(state).map(({ name, count, size }) => [name, count, byteSize(size)]);
  const head = ['Type', 'Count', 'Size'];
  const rule = ['----', '----', '----'];
  const table = [head, rule, ...rows, rule];
  const widths = [0, 1, 2].map(
    (column) => Math.max(...table.map((row) => String(row[column]).length)) + PADDING,
  );
  const line = (cells: readonly unknown[]): string =>
    ` ${cells.map((cell, column) => String(cell).padEnd(widths[column] ?? 0)).join('')}`;
  const total = line(['Total', '', byteSize(state.length)]).trimEnd();
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
