/** The node's ID: configured, kept in the data directory, or new. */

import type { Disk, Random } from '../world/world.ts';

const FILE = 'node-id';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_BYTES = 16;

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

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(UUID_BYTES));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
