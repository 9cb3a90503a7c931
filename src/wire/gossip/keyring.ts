/** The keys of a pool: the first seals, all open. Immutable; each change makes a new ring. */

import { textOf } from '../../error-text.ts';
import { type Read, refused } from './messages.ts';

/** Keys a ring holds; one more is refused. */
export const KEYS_MAX = 64;

export interface KeyRing {
  /** Primary first. Empty: gossip is not encrypted. */
  readonly keys: readonly Uint8Array[];
}

export const NO_KEYS: KeyRing = { keys: [] };

const UNCHANGED_MESSAGES = {
  size: 'key size must be 16, 24 or 32 bytes',
  missing: 'Requested key is not in the keyring',
  primary: 'Removing the primary key is not allowed',
  full: `keyring holds no more than ${KEYS_MAX} keys`,
} as const;

export function isKeySize(bytes: number): boolean {
  return bytes === 16 || bytes === 24 || bytes === 32;
}

/** A ring of `keys`, the first one primary; doubles are dropped. */
export function createKeyRing(keys: readonly Uint8Array[]): Read<KeyRing> {
  let ring = NO_KEYS;
  for (const key of keys) {
    const added = addKey(ring, key);
    if (!added.ok) return added;
    ring = added.value;
  }
  return { ok: true, value: ring };
}

export function addKey(ring: KeyRing, key: Uint8Array): Read<KeyRing> {
  if (!isKeySize(key.length)) return refused(UNCHANGED_MESSAGES.size);
  if (indexOfKey(ring, key) >= 0) return { ok: true, value: ring };
  if (ring.keys.length >= KEYS_MAX) return refused(UNCHANGED_MESSAGES.full);
  return { ok: true, value: { keys: [...ring.keys, Buffer.from(key)] } };
}

/** Makes an installed key the primary one. */
export function useKey(ring: KeyRing, key: Uint8Array): Read<KeyRing> {
  const index = indexOfKey(ring, key);
  const chosen = ring.keys[index];
  if (chosen === undefined) return refused(UNCHANGED_MESSAGES.missing);
  return { ok: true, value: { keys: [chosen, ...ring.keys.filter((_, at) => at !== index)] } };
}

export function removeKey(ring: KeyRing, key: Uint8Array): Read<KeyRing> {
  const index = indexOfKey(ring, key);
  if (index === 0) return refused(UNCHANGED_MESSAGES.primary);
  if (index < 0) return { ok: true, value: ring };
  return { ok: true, value: { keys: ring.keys.filter((_, at) => at !== index) } };
}

function indexOfKey(ring: KeyRing, key: Uint8Array): number {
  return ring.keys.findIndex((known) => Buffer.compare(known, key) === 0);
}

export function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('base64');
}

/** The key ring file: a JSON array of base64 keys, primary first. */
export function renderKeyRing(ring: KeyRing): string {
  return JSON.stringify(ring.keys.map(keyText));
}

export function parseKeyRing(text: string): Read<KeyRing> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return refused(`key ring file: ${textOf(error)}`);
  }
  if (!Array.isArray(parsed) || !parsed.every((item) => typeof item === 'string')) {
    return refused('key ring file: an array of base64 keys was expected');
  }
  return createKeyRing(parsed.map((item) => Buffer.from(item, 'base64')));
}
