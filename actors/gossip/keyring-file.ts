/** Key ring files: a JSON array of base64 keys, primary first, for the owner's eyes only. */

import type { Log } from '../../src/log.ts';
import {
  createKeyRing,
  type KeyRing,
  NO_KEYS,
  parseKeyRing,
  renderKeyRing,
} from '../../src/wire/gossip/keyring.ts';
import type { World } from '../../src/world/world.ts';

const MODE = 0o600;

export interface KeyRingSource {
  /** Base64 key of the configuration; empty: none. */
  readonly encrypt: string;
  /** Null: keys live in memory only. */
  readonly path: string | null;
}

/**
 * The key ring to start with: the file's if there is one, else the configured key, which the file is
 * then created from. Rejects with what is wrong with key or file.
 */
export async function loadKeyRing(world: World, log: Log, source: KeyRingSource): Promise<KeyRing> {
  const configured = source.encrypt === '' ? NO_KEYS : configuredRing(source.encrypt);
  if (source.path === null) return configured;
  if (await world.disk.exists(source.path)) {
    const ring = await readRing(world, source.path);
    const key = configured.keys[0];
    if (key && !ring.keys.some((known) => Buffer.compare(known, key) === 0)) {
      log.warn("keyring doesn't include key provided with -encrypt, using keyring", {
        path: source.path,
      });
    }
    return ring;
  }
  if (configured.keys.length > 0) await saveKeyRing(world, source.path, configured);
  return configured;
}

function configuredRing(encrypt: string): KeyRing {
  const ring = createKeyRing([Buffer.from(encrypt, 'base64')]);
  if (!ring.ok) throw new Error(`encrypt: ${ring.error}`);
  return ring.value;
}

async function readRing(world: World, path: string): Promise<KeyRing> {
  const content = await world.disk.readFile(path);
  const ring = parseKeyRing(Buffer.from(content).toString('utf8'));
  if (!ring.ok) throw new Error(`key ring file ${path}: ${ring.error}`);
  return ring.value;
}

/** Replaces the file. Rejects with the disk's error. */
export async function saveKeyRing(world: World, path: string, ring: KeyRing): Promise<void> {
  await world.disk.writeFileAtomic(path, Buffer.from(renderKeyRing(ring)), MODE);
}
