/** Snapshot archives as a whole, for tests whose states are small. */

import { type ArchiveMeta, checkRestorable } from '../../src/fsm/archive/meta.ts';
import { packArchive } from '../../src/fsm/archive/pack.ts';
import { readArchive } from '../../src/fsm/archive/read.ts';

export interface Archive {
  readonly meta: ArchiveMeta;
  readonly state: Buffer;
}

export async function packed(
  { meta, state }: { readonly meta: ArchiveMeta; readonly state: Uint8Array },
  unixSeconds = 0,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of packArchive(meta, [state], unixSeconds)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Rejects as a server does that is asked to restore it. */
export async function unpacked(bytes: Uint8Array): Promise<Archive> {
  const pieces: Uint8Array[] = [];
  const meta = await readArchive([bytes], (piece) => {
    pieces.push(piece);
  });
  const state = Buffer.concat(pieces);
  checkRestorable(meta, state.length);
  return { meta, state };
}
