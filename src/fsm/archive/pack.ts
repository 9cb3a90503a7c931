/** Writes a snapshot archive while its state is read. */

import { createHash } from 'node:crypto';
import { gzipped } from './gzip.ts';
import { META, STATE, SUMS } from './members.ts';
import { type ArchiveMeta, encodeMeta } from './meta.ts';
import { memberHeader, memberPadding, TAR_END } from './tar.ts';

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Packs an archive. `unixSeconds` is the time of saving. Throws what `state` throws, and when that
 * has other than `meta.Size` bytes: whoever reads along then misses the end.
 */
export function packArchive(
  meta: ArchiveMeta,
  state: Chunks,
  unixSeconds: number,
): AsyncGenerator<Uint8Array> {
  return gzipped(tarOf(meta, state, unixSeconds));
}

async function* tarOf(
  meta: ArchiveMeta,
  state: Chunks,
  unixSeconds: number,
): AsyncGenerator<Uint8Array> {
  const encoded = encodeMeta(meta);
  yield* member(META, encoded, unixSeconds);
  yield memberHeader(STATE, meta.Size, unixSeconds);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of state) {
    size += chunk.length;
    if (size > meta.Size) break;
    hash.update(chunk);
    yield chunk;
  }
  if (size !== meta.Size) {
    const told = size > meta.Size ? 'more' : `${size}`;
    throw new Error(`the snapshot's state has ${told} bytes where ${meta.Size} were told`);
  }
  yield memberPadding(meta.Size);
  const metaSum = createHash('sha256').update(encoded).digest('hex');
  const sums = Buffer.from(`${metaSum}  ${META}\n${hash.digest('hex')}  ${STATE}\n`);
  yield* member(SUMS, sums, unixSeconds);
  yield TAR_END;
}

function* member(name: string, content: Uint8Array, unixSeconds: number): Generator<Uint8Array> {
  yield memberHeader(name, content.length, unixSeconds);
  yield content;
  yield memberPadding(content.length);
}
