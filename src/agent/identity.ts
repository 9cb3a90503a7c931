/** The node's ID: configured, kept in the data directory, or new. */

import { randomUuid } from '../model/uuid.ts';
import type { Disk, Random } from '../world/world.ts';

const FILE = 'node-id';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export interface IdentityRequest {
  readonly configured?: string;
  /** Absent: nothing is kept. */
  readonly dataDir?: string;
}

/** Rejects when the kept ID is none, or cannot be written. A configured ID replaces the kept one. */
export async function nodeIdOf(
  request: IdentityRequest,
  disk: Disk,
  random: Random,
): Promise<string> {
  const { configured, dataDir } = request;
  if (dataDir === undefined) return configured ?? randomUuid(random);
  const path = `${dataDir}/${FILE}`;
  if (configured === undefined && (await disk.exists(path))) {
    const kept = Buffer.from(await disk.readFile(path))
      .toString('utf8')
      .trim();
    if (!UUID.test(kept)) {
      throw new Error(
        `${path} holds ${JSON.stringify(kept)}, which is no node ID: remove the file`,
      );
    }
    return kept;
  }
  const id = configured ?? randomUuid(random);
  await disk.makeDirectory(dataDir);
  await disk.writeFileAtomic(path, Buffer.from(id));
  return id;
}
