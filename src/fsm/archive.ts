/**
 * The snapshot archive (`consul snapshot save`): gzip of a tar file with `meta.json`, `state.bin` and
 * `SHA256SUMS`. The tar file ends with exactly two zero blocks: Consul 1.9 refuses padding.
 */

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { textOf } from '../error-text.ts';
import { DecodeError } from './errors.ts';

/** Version of the snapshot format; the only one there is. */
const SNAPSHOT_VERSION = 1;
/** Bytes of an unpacked archive at most; more is refused. */
export const ARCHIVE_BYTES_MAX = 4_294_967_296;

const GZIP_HEADER_BYTES = 10;
const BLOCK_BYTES = 512;
const META = 'meta.json';
const STATE = 'state.bin';
const SUMS = 'SHA256SUMS';

/** Places and sizes of the fields of a tar header (POSIX ustar). */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
} as const;
const FILE_TYPES = new Set(['0', '\0']);
/** pax and GNU headers, which describe the member that follows. */
const EXTENSION_TYPES = new Set(['x', 'g', 'L', 'K']);

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

export interface Archive {
  readonly meta: ArchiveMeta;
  readonly state: Uint8Array;
}

/** Packs an archive. `unixSeconds` is the time of saving. */
export async function packArchive(archive: Archive, unixSeconds: number): Promise<Uint8Array> {
  const { Version, ID, Index, Term, Peers, Configuration, ConfigurationIndex } = archive.meta;
  const Servers = Configuration.Servers.map(({ Suffrage, ID, Address }) => ({
    Suffrage,
    ID,
    Address,
  }));
  const ordered = {
    Version,
    ID,
    Index,
    Term,
    Peers,
    Configuration: { Servers },
    ConfigurationIndex,
    Size: archive.state.length,
  };
  const meta = Buffer.from(`${JSON.stringify(ordered)}\n`);
  const sums = Buffer.from(`${sha256(meta)}  ${META}\n${sha256(archive.state)}  ${STATE}\n`);
  const tar = Buffer.concat([
    ...member(META, meta, unixSeconds),
    ...member(STATE, archive.state, unixSeconds),
    ...member(SUMS, sums, unixSeconds),
    Buffer.alloc(2 * BLOCK_BYTES),
  ]);
  return await promisify(gzip)(tar);
}

function member(name: string, content: Uint8Array, unixSeconds: number): Uint8Array[] {
  const header = Buffer.alloc(BLOCK_BYTES);
  const put = ([at]: readonly [number, number], text: string): void => {
    header.write(text, at, 'latin1');
  };
  const octal = (value: number, [, size]: readonly [number, number]): string =>
    `${value.toString(8).padStart(size - 1, '0')}\0`;
  put(FIELDS.name, name);
  put(FIELDS.mode, octal(0o600, FIELDS.mode));
  put(FIELDS.uid, octal(0, FIELDS.uid));
  put(FIELDS.gid, octal(0, FIELDS.gid));
  put(FIELDS.size, octal(content.length, FIELDS.size));
  put(FIELDS.mtime, octal(unixSeconds, FIELDS.mtime));
  put(FIELDS.type, '0');
  put(FIELDS.magic, 'ustar\x0000');
  put(FIELDS.checksum, '        ');
  put(FIELDS.checksum, `${checksum(header).toString(8).padStart(6, '0')}\0 `);
  const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return [header, content, Buffer.alloc(padding)];
}

/** Sum of a header's bytes, the checksum itself counted as blanks. */
function checksum(header: Uint8Array): number {
  const [start, size] = FIELDS.checksum;
  let sum = 0;
  header.forEach((byte, at) => {
    sum += at >= start && at < start + size ? 0x20 : byte;
  });
  return sum;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Unpacks and verifies an archive. Rejects with a `DecodeError` whose text clients know. */
export async function unpackArchive(bytes: Uint8Array): Promise<Archive> {
  const tar = await decompress(bytes);
  const members = readMembers(tar);
  verifySums(members);
  const state = members.get(STATE);
  const meta = parseMeta(members.get(META));
  if (state === undefined || meta === null) throw unreadable('unexpected EOF');
  if (meta.Version !== SNAPSHOT_VERSION) {
    throw unrestorable(`unsupported snapshot version ${meta.Version}`);
  }
  if (meta.Size !== state.length) {
    throw unrestorable(
      `failed to write snapshot, size didn't match (${meta.Size} != ${state.length})`,
    );
  }
  return { meta, state };
}

async function decompress(bytes: Uint8Array): Promise<Buffer> {
  // Go's reader wants a whole header first, whatever it says.
  if (bytes.length === 0) throw new DecodeError('failed to decompress snapshot: EOF');
  if (bytes.length < GZIP_HEADER_BYTES) {
    throw new DecodeError('failed to decompress snapshot: unexpected EOF');
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    throw new DecodeError('failed to decompress snapshot: gzip: invalid header');
  }
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: ARCHIVE_BYTES_MAX });
  } catch (error) {
    const said = textOf(error);
    const text = said === 'unexpected end of file' ? 'unexpected EOF' : said;
    throw new DecodeError(`failed to decompress snapshot: ${text}`, { cause: error });
  }
}

function unreadable(text: string): DecodeError {
  return new DecodeError(`failed to read snapshot file: ${text}`);
}

function unrestorable(text: string): DecodeError {
  return new DecodeError(`Raft error when restoring snapshot: ${text}`);
}

/** The members of a tar file by name; only the three of an archive are accepted. */
function readMembers(tar: Buffer): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let at = 0;
  while (at + BLOCK_BYTES <= tar.length) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    const { name, size, type } = readHeader(header);
    const start = at + BLOCK_BYTES;
    if (start + size > tar.length) throw unreadable('unexpected EOF');
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    if (EXTENSION_TYPES.has(type)) continue;
    if (!FILE_TYPES.has(type) || ![META, STATE, SUMS].includes(name)) {
      throw unreadable(`unexpected file "${name}" in snapshot`);
    }
    members.set(name, tar.subarray(start, start + size));
  }
  if (at < tar.length && tar.length - at < BLOCK_BYTES) throw unreadable('unexpected EOF');
  const unread = tar.length - at - 2 * BLOCK_BYTES;
  if (unread > 0) throw unreadable(`${unread} unread uncompressed bytes remain`);
  return members;
}

function readHeader(header: Buffer): { name: string; size: number; type: string } {
  const text = ([start, size]: readonly [number, number]): string =>
    header.toString('latin1', start, start + size).replace(/\0[\s\S]*$/, '');
  const stated = Number.parseInt(text(FIELDS.checksum).trim(), 8);
  const size = Number.parseInt(text(FIELDS.size).trim() || '0', 8);
  if (stated !== checksum(header) || !Number.isSafeInteger(size) || size < 0) {
    throw unreadable('failed reading snapshot: archive/tar: invalid tar header');
  }
  return { name: text(FIELDS.name), size, type: header.toString('latin1', 156, 157) };
}

function verifySums(members: ReadonlyMap<string, Buffer>): void {
  const listed = new Map<string, string>();
  for (const line of members.get(SUMS)?.toString('utf8').split('\n') ?? []) {
    const found = /^([0-9a-f]{64}) {2}(.+)$/.exec(line);
    if (found?.[1] !== undefined && found[2] !== undefined) listed.set(found[2], found[1]);
  }
  const refuse = (text: string): never => {
    throw unreadable(`failed checking integrity of snapshot: ${text}`);
  };
  for (const [name, content] of members) {
    if (name === SUMS) continue;
    const sum = listed.get(name) ?? refuse(`list missing hash for "${name}"`);
    if (sum !== sha256(content)) refuse(`hash check failed for "${name}"`);
  }
  for (const name of listed.keys()) {
    if (!members.has(name)) refuse(`file missing for "${name}"`);
  }
}

function parseMeta(content: Buffer | undefined): ArchiveMeta | null {
  if (content === undefined) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString('utf8'));
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

type Fields = Readonly<Record<string, unknown>>;

function badMeta(text: string): DecodeError {
  return unreadable(`failed to decode snapshot metadata: ${text}`);
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
