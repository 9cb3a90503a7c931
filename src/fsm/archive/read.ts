/** Reads a snapshot archive as it comes, and verifies it. */

import { createHash } from 'node:crypto';
import { textOf } from '../../error-text.ts';
import { DecodeError } from '../errors.ts';
import { ByteSource } from './byte-source.ts';
import { gunzipped, gzipHeader } from './gzip.ts';
import { ARCHIVE_BYTES_MAX, META, STATE, SUMS } from './members.ts';
import { type ArchiveMeta, decodeMeta } from './meta.ts';
import { TarReader } from './tar.ts';

/** Bytes of meta.json and of SHA256SUMS, each, at most: both are held. */
const HELD_BYTES_MAX = 1_048_576;

/** Consul reads a missing meta.json as one without content; its hash gives it away. */
const NO_META = decodeMeta(Buffer.from('{}'));

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Takes a piece of the state; what follows is read when it resolves. */
export type StateSink = (piece: Uint8Array) => Promise<void> | void;

/**
 * Hands on the state of an archive piece by piece and resolves with its metadata when all has been
 * verified; until then the state must not be used for more than can be thrown away. Rejects with a
 * `DecodeError` whose text clients know, and with what `packed` and `takeState` throw.
 */
export async function readArchive(packed: Chunks, takeState: StateSink): Promise<ArchiveMeta> {
  const source = new ByteSource(packed);
  try {
    const header = await during('failed to decompress snapshot', () => gzipHeader(source));
    const tar = new ByteSource(limited(gunzipped(header, source)));
    try {
      const meta = await during('failed to read snapshot file', () => readMembers(tar, takeState));
      let unread = 0;
      for await (const piece of tar.rest()) unread += piece.length;
      if (unread > 0) throw new DecodeError(`${unread} unread uncompressed bytes remain`);
      return meta;
    } finally {
      await tar.close();
    }
  } finally {
    await source.close();
  }
}

async function* limited(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > ARCHIVE_BYTES_MAX) {
      throw new DecodeError(`it unpacks to more than ${ARCHIVE_BYTES_MAX} bytes`);
    }
    yield chunk;
  }
}

/** Runs `work`; what it throws says what was being done. */
async function during<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const text = `${doing}: ${textOf(error)}`;
    throw error instanceof DecodeError
      ? new DecodeError(text, { cause: error })
      : new Error(text, { cause: error });
  }
}

async function readMembers(source: ByteSource, takeState: StateSink): Promise<ArchiveMeta> {
  const tar = new TarReader(source);
  const hashes = { [META]: createHash('sha256'), [STATE]: createHash('sha256') };
  const sums: Buffer[] = [];
  let meta = NO_META;
  for (;;) {
    const member = await during('failed reading snapshot', () => tar.next());
    if (member === null) break;
    if (!member.isFile) throw unexpectedFile(member.name);
    if (member.name === META) {
      const content = await during('failed to read snapshot metadata', () => held(tar));
      hashes[META].update(content);
      meta = decodeMeta(content);
    } else if (member.name === STATE) {
      await during('failed to read or write snapshot data', async () => {
        for await (const piece of tar.content()) {
          hashes[STATE].update(piece);
          await takeState(piece);
        }
      });
    } else if (member.name === SUMS) {
      sums.push(await during('failed to read snapshot hashes', () => held(tar)));
    } else {
      throw unexpectedFile(member.name);
    }
  }
  const computed = new Map(
    Object.entries(hashes).map(([name, hash]) => [name, hash.digest('hex')]),
  );
  verifySums(Buffer.concat(sums).toString('utf8'), computed);
  return meta;
}

function unexpectedFile(name: string): DecodeError {
  return new DecodeError(`unexpected file "${name}" in snapshot`);
}

async function held(tar: TarReader): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of tar.content()) {
    bytes += piece.length;
    if (bytes > HELD_BYTES_MAX) throw new DecodeError(`it is larger than ${HELD_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** `listed` has a line for each file; each file has to be listed, with the hash that it has. */
function verifySums(listed: string, computed: ReadonlyMap<string, string>): void {
  const refuse = (text: string): never => {
    throw new DecodeError(`failed checking integrity of snapshot: ${text}`);
  };
  const seen = new Set<string>();
  for (const line of listed.split('\n')) {
    if (line === '') continue;
    const [, sum, name] =
      /^([0-9a-f]{64}) {2}(\S+)/i.exec(line) ?? refuse('input does not match format');
    if (sum === undefined || name === undefined) continue;
    const actual = computed.get(name) ?? refuse(`list missing hash for "${name}"`);
    if (actual !== sum.toLowerCase()) refuse(`hash check failed for "${name}"`);
    seen.add(name);
  }
  for (const name of computed.keys()) {
    if (!seen.has(name)) refuse(`file missing for "${name}"`);
  }
}
