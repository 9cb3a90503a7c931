/** `kv get|put|delete|export|import`. */

import type { Flags } from '../../flags.ts';
import { UnexpectedStatusError } from '../../http-client/client.ts';
import type { Disk } from '../../world/world.ts';
import {
  AGENT_FLAGS,
  type AgentApi,
  attempt,
  DATACENTER_FLAGS,
  openAgentApi,
} from '../agent-api.ts';
import { type Command, CommandError, type Terminal } from '../command.ts';
import { type ExactJson, parseJsonExactly } from '../exact-json.ts';

const COMMON = [...AGENT_FLAGS, ...DATACENTER_FLAGS];

/** Column at which the values of `kv get -detailed` begin. */
const DETAIL_COLUMN = 17;

/** A pair as the API answers it; numbers as their exact text. */
interface Pair {
  readonly Key: string;
  readonly Value: string | null;
  readonly Flags: string;
  readonly CreateIndex: string;
  readonly ModifyIndex: string;
  readonly LockIndex: string;
  readonly Session: string;
}

/** The commands; `disk` is where `@file` values come from. */
export function kvCommands(disk: Disk): readonly Command[] {
  return [
    getCommand(disk),
    putCommand(disk),
    deleteCommand(disk),
    exportCommand(disk),
    importCommand(disk),
  ];
}

function getCommand(disk: Disk): Command {
  return {
    path: ['kv', 'get'],
    synopsis: 'Reads a key, or all keys below a prefix',
    parameters: '[KEY_OR_PREFIX]',
    flags: [
      ...COMMON,
      { name: 'base64', kind: 'bool', help: 'Print the value in base64.' },
      { name: 'detailed', kind: 'bool', help: 'Print indexes, flags and session too.' },
      { name: 'keys', kind: 'bool', help: 'List keys only.' },
      { name: 'recurse', kind: 'bool', help: 'All keys that begin with the prefix.' },
      { name: 'separator', kind: 'string', help: 'Where -keys stops.', fallback: '/' },
    ],
    async run(flags, terminal) {
      const key = keyArgument(flags, flags.bool('keys') || flags.bool('recurse'));
      const api = await openAgentApi(flags, terminal, disk);
      try {
        if (flags.bool('keys')) return await printKeys(api, key, flags, terminal);
        if (flags.bool('recurse')) return await printTree(api, key, flags, terminal);
        return await printOne(api, key, flags, terminal);
      } finally {
        api.close();
      }
    },
  };
}

function putCommand(disk: Disk): Command {
  return {
    path: ['kv', 'put'],
    synopsis: 'Writes a key',
    parameters: 'KEY [DATA | @FILE | -]',
    flags: [
      ...COMMON,
      { name: 'acquire', kind: 'bool', help: 'Take the lock on the key; needs -session.' },
      { name: 'base64', kind: 'bool', help: 'DATA is base64.' },
      { name: 'cas', kind: 'bool', help: 'Write only if -modify-index still holds.' },
      { name: 'flags', kind: 'string', help: 'Unsigned 64-bit flags.', fallback: '0' },
      { name: 'modify-index', kind: 'string', help: 'Index for -cas.', fallback: '0' },
      { name: 'release', kind: 'bool', help: 'Give the lock back; needs -session.' },
      { name: 'session', kind: 'string', help: 'Session of the lock.' },
    ],
    async run(flags, terminal) {
      const key = keyArgument(flags, false);
      const data = await valueArgument(flags, terminal, disk);
      if (flags.rest.length > 2) throw new CommandError(tooManyArguments(flags, '1 or 2'));
      if ((flags.bool('acquire') || flags.bool('release')) && !flags.string('session')) {
        throw new CommandError('Error! Missing -session (required with -acquire and -release)');
      }
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const written = await attempt('Error! Failed writing data', () =>
          api.put(
            keyPath(key),
            {
              cas: flags.bool('cas') ? (flags.string('modify-index') ?? '0') : undefined,
              acquire: flags.bool('acquire') ? flags.string('session') : undefined,
              release: flags.bool('release') ? flags.string('session') : undefined,
              flags: flags.string('flags'),
            },
            data,
          ),
        );
        if (written.toString().trim() !== 'true') throw new CommandError(refusedWrite(flags, key));
        terminal.out(`${successfulWrite(flags, key)}\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function deleteCommand(disk: Disk): Command {
  return {
    path: ['kv', 'delete'],
    synopsis: 'Deletes a key, or all keys below a prefix',
    parameters: 'KEY_OR_PREFIX',
    flags: [
      ...COMMON,
      { name: 'cas', kind: 'bool', help: 'Delete only if -modify-index still holds.' },
      { name: 'modify-index', kind: 'string', help: 'Index for -cas.', fallback: '0' },
      { name: 'recurse', kind: 'bool', help: 'All keys that begin with the prefix.' },
    ],
    async run(flags, terminal) {
      const key = keyArgument(flags, flags.bool('recurse'));
      if (flags.bool('cas') && flags.bool('recurse')) {
        throw new CommandError('Cannot specify both -cas and -recurse!');
      }
      if (flags.bool('cas') && (flags.string('modify-index') ?? '0') === '0') {
        throw new CommandError('Must specify -modify-index with -cas!');
      }
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const done = await attempt(`Error! Did not delete key ${key}`, () =>
          api.delete(keyPath(key), {
            recurse: flags.bool('recurse'),
            cas: flags.bool('cas') ? flags.string('modify-index') : undefined,
          }),
        );
        if (done.toString().trim() !== 'true') {
          throw new CommandError(`Error! Did not delete key ${key}: CAS failed`);
        }
        const what = flags.bool('recurse') ? 'keys with prefix' : 'key';
        terminal.out(`Success! Deleted ${what}: ${key}\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function exportCommand(disk: Disk): Command {
  return {
    path: ['kv', 'export'],
    synopsis: 'Prints a tree of keys as JSON',
    parameters: '[PREFIX]',
    flags: COMMON,
    async run(flags, terminal) {
      const api = await openAgentApi(flags, terminal, disk);
      try {
        const pairs = await readTree(api, (flags.rest[0] ?? '').replace(/^\//, ''));
        const entries = pairs.map(
          (pair) =>
            `\t{\n\t\t"key": ${JSON.stringify(pair.Key)},\n\t\t"flags": ${pair.Flags},\n` +
            `\t\t"value": ${JSON.stringify(pair.Value ?? '')}\n\t}`,
        );
        terminal.out(entries.length === 0 ? '[]\n' : `[\n${entries.join(',\n')}\n]\n`);
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

function importCommand(disk: Disk): Command {
  return {
    path: ['kv', 'import'],
    synopsis: 'Writes the keys of an exported tree',
    parameters: '[DATA | @FILE | -]',
    flags: [...COMMON, { name: 'prefix', kind: 'string', help: 'Put before every key.' }],
    async run(flags, terminal) {
      const text = await argumentOrFile(flags.rest[0], terminal, disk);
      if (text === undefined) throw new CommandError('Error! Missing DATA argument');
      const entries = await attempt('Cannot unmarshal data', async () =>
        parseJsonExactly(text.toString('utf8')),
      );
      const api = await openAgentApi(flags, terminal, disk);
      try {
        for (const entry of listOf(entries)) {
          const key = `${flags.string('prefix') ?? ''}${textOf(entry, 'key')}`;
          const value = Buffer.from(textOf(entry, 'value'), 'base64');
          await attempt(`Error! Failed writing data for key ${key}`, () =>
            api.put(keyPath(key), { flags: textOf(entry, 'flags') || undefined }, value),
          );
          terminal.out(`Imported: ${key}\n`);
        }
        return 0;
      } finally {
        api.close();
      }
    },
  };
}

async function printOne(
  api: AgentApi,
  key: string,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  const pair = (await readPairs(api, key, {}))[0];
  if (pair === undefined) throw new CommandError(`Error! No key exists at: ${key}`);
  terminal.out(`${flags.bool('detailed') ? detailed(pair, flags) : shownValue(pair, flags)}\n`);
  return 0;
}

async function printTree(
  api: AgentApi,
  prefix: string,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  const pairs = await readTree(api, prefix);
  const lines = pairs.map((pair) =>
    flags.bool('detailed') ? detailed(pair, flags) : `${pair.Key}:${shownValue(pair, flags)}`,
  );
  terminal.out(lines.map((line) => `${line}\n`).join(flags.bool('detailed') ? '\n' : ''));
  return 0;
}

async function printKeys(
  api: AgentApi,
  prefix: string,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  const separator = flags.string('separator') ?? '/';
  const body = await orMissing(() =>
    attempt('Error querying Consul agent', () =>
      api.get(keyPath(prefix), { keys: true, separator: separator || undefined }),
    ),
  );
  const keys = body === undefined ? [] : listOf(parseJsonExactly(body.toString('utf8')));
  terminal.out(keys.map((key) => `${String(key)}\n`).join(''));
  return 0;
}

function readTree(api: AgentApi, prefix: string): Promise<readonly Pair[]> {
  return readPairs(api, prefix, { recurse: true });
}

async function readPairs(
  api: AgentApi,
  key: string,
  query: { readonly recurse?: boolean },
): Promise<readonly Pair[]> {
  const body = await orMissing(() =>
    attempt('Error querying Consul agent', () => api.get(keyPath(key), query)),
  );
  if (body === undefined) return [];
  return listOf(parseJsonExactly(body.toString('utf8'))).map((item) => ({
    Key: textOf(item, 'Key'),
    Value: textOf(item, 'Value'),
    Flags: textOf(item, 'Flags'),
    CreateIndex: textOf(item, 'CreateIndex'),
    ModifyIndex: textOf(item, 'ModifyIndex'),
    LockIndex: textOf(item, 'LockIndex'),
    Session: textOf(item, 'Session'),
  }));
}

/** A 404 is how the API says that there is no such key. */
async function orMissing(work: () => Promise<Buffer>): Promise<Buffer | undefined> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof UnexpectedStatusError && cause.status === 404) return undefined;
    throw error;
  }
}

function detailed(pair: Pair, flags: Flags): string {
  const rows: readonly (readonly [string, string])[] = [
    ['CreateIndex', pair.CreateIndex],
    ['Flags', pair.Flags],
    ['Key', pair.Key],
    ['LockIndex', pair.LockIndex],
    ['ModifyIndex', pair.ModifyIndex],
    ['Session', pair.Session || '-'],
    ['Value', shownValue(pair, flags)],
  ];
  return rows.map(([name, text]) => `${name.padEnd(DETAIL_COLUMN)}${text}`).join('\n');
}

function shownValue(pair: Pair, flags: Flags): string {
  const base64 = pair.Value ?? '';
  return flags.bool('base64') ? base64 : Buffer.from(base64, 'base64').toString('utf8');
}

function keyArgument(flags: Flags, mayBeEmpty: boolean): string {
  const key = (flags.rest[0] ?? '').replace(/^\//, '');
  if (key === '' && !mayBeEmpty) throw new CommandError('Error! Missing KEY argument');
  return key;
}

function tooManyArguments(flags: Flags, expected: string): string {
  return `Error! Too many arguments (expected ${expected}, got ${flags.rest.length})`;
}

function keyPath(key: string): string {
  return `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`;
}

async function valueArgument(flags: Flags, terminal: Terminal, disk: Disk): Promise<Buffer> {
  const data = (await argumentOrFile(flags.rest[1], terminal, disk)) ?? Buffer.alloc(0);
  if (!flags.bool('base64')) return data;
  const text = data.toString('utf8').trim();
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new CommandError('Error! Cannot base 64 decode data');
  }
  return Buffer.from(text, 'base64');
}

async function argumentOrFile(
  argument: string | undefined,
  terminal: Terminal,
  disk: Disk,
): Promise<Buffer | undefined> {
  if (argument === undefined) return undefined;
  if (argument === '-') return terminal.readInput();
  if (!argument.startsWith('@')) return Buffer.from(argument);
  return attempt('Error! Failed to read file', async () =>
    Buffer.from(await disk.readFile(argument.slice(1))),
  );
}

function refusedWrite(flags: Flags, key: string): string {
  if (flags.bool('acquire')) return 'Error! Did not acquire lock';
  if (flags.bool('release')) return 'Error! Did not release lock';
  return `Error! Did not write to ${key}: CAS failed`;
}

function successfulWrite(flags: Flags, key: string): string {
  if (flags.bool('acquire')) return `Success! Lock acquired on: ${key}`;
  if (flags.bool('release')) return `Success! Lock released on: ${key}`;
  return `Success! Data written to: ${key}`;
}

function listOf(json: ExactJson): readonly ExactJson[] {
  return Array.isArray(json) ? json : [];
}

function textOf(json: ExactJson, key: string): string {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return '';
  const value = (json as Readonly<Record<string, ExactJson>>)[key];
  return value === undefined || value === null ? '' : String(value);
}
