/** meta.json of a snapshot archive: what raft knew of the snapshot. */

import { textOf } from '../../error-text.ts';
import { DecodeError } from '../errors.ts';

/** Version of the snapshot format; the only one there is. */
const SNAPSHOT_VERSION = 1;

export interface ArchiveServer {
  /** 0 voter, 1 nonvoter, 2 staging. */
  readonly Suffrage: number;
  readonly ID: string;
  readonly Address: string;
}

/** meta.json, in its order of fields. */
export interface ArchiveMeta {
  readonly Version: number;
  readonly ID: string;
  readonly Index: number;
  readonly Term: number;
  /** The configuration in the older form, base64. */
  readonly Peers: string;
  readonly Configuration: { readonly Servers: readonly ArchiveServer[] };
  readonly ConfigurationIndex: number;
  /** Bytes of state.bin. */
  readonly Size: number;
}

/** A line of JSON. */
export function encodeMeta(meta: ArchiveMeta): Buffer {
  const Servers = meta.Configuration.Servers.map(({ Suffrage, ID, Address }) => ({
    Suffrage,
    ID,
    Address,
  }));
  const ordered = {
    Version: meta.Version,
    ID: meta.ID,
    Index: meta.Index,
    Term: meta.Term,
    Peers: meta.Peers,
    Configuration: { Servers },
    ConfigurationIndex: meta.ConfigurationIndex,
    Size: meta.Size,
  };
  return Buffer.from(`${JSON.stringify(ordered)}\n`);
}

/** Throws a `DecodeError`; what is missing is zero, as Go has it. */
export function decodeMeta(content: Uint8Array): ArchiveMeta {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(content).toString('utf8'));
  } catch (error) {
    throw badMeta(textOf(error));
  }
  const meta = fieldsOf(parsed);
  const configuration = fieldsOf(meta['Configuration']);
  return {
    Version: numberOf(meta, 'Version'),
    ID: stringOf(meta, 'ID'),
    Index: numberOf(meta, 'Index'),
    Term: numberOf(meta, 'Term'),
    Peers: stringOf(meta, 'Peers'),
    Configuration: { Servers: serversOf(configuration['Servers'] ?? []) },
    ConfigurationIndex: numberOf(meta, 'ConfigurationIndex'),
    Size: numberOf(meta, 'Size'),
  };
}

/** What raft refuses before it takes a state of `stateBytes`. Throws a `DecodeError`. */
export function checkRestorable(meta: ArchiveMeta, stateBytes: number): void {
  if (meta.Version !== SNAPSHOT_VERSION) {
    throw unrestorable(`unsupported snapshot version ${meta.Version}`);
  }
  if (meta.Size !== stateBytes) {
    throw unrestorable(
      `failed to write snapshot, size didn't match (${meta.Size} != ${stateBytes})`,
    );
  }
}

function unrestorable(text: string): DecodeError {
  return new DecodeError(`Raft error when restoring snapshot: ${text}`);
}

type Fields = Readonly<Record<string, unknown>>;

function badMeta(text: string): DecodeError {
  return new DecodeError(`failed to decode snapshot metadata: ${text}`);
}

function fieldsOf(value: unknown): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw badMeta('an object was expected');
  return value as Fields;
}

function numberOf(fields: Fields, name: string): number {
  const value = fields[name] ?? 0;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw badMeta(`${name} is not a number that counts`);
}

function stringOf(fields: Fields, name: string): string {
  const value = fields[name] ?? '';
  if (typeof value === 'string') return value;
  throw badMeta(`${name} is not a text`);
}

function serversOf(value: unknown): readonly ArchiveServer[] {
  if (!Array.isArray(value)) throw badMeta('Servers is not a list');
  return value.map(fieldsOf).map((server) => ({
    Suffrage: numberOf(server, 'Suffrage'),
    ID: stringOf(server, 'ID'),
    Address: stringOf(server, 'Address'),
  }));
}
