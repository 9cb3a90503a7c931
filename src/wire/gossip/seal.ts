/**
 * Encryption of gossip: `version | nonce (12) | AES-GCM ciphertext | tag (16)`. Version 1 seals the
 * plaintext as it is, version 0 pads it to blocks of 16 first; both must be understood.
 */

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Read, refused } from './messages.ts';

export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
/** What version 1 adds to a plaintext. */
export const SEAL_OVERHEAD = 1 + NONCE_BYTES + TAG_BYTES;

const NO_DATA = Buffer.alloc(0);

function cipherName(key: Uint8Array): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  if (key.length === 16) return 'aes-128-gcm';
  if (key.length === 24) return 'aes-192-gcm';
  return 'aes-256-gcm';
}

/** Seals `plain`. `key` has 16, 24 or 32 bytes, `nonce` 12 random ones that are never used again. */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
  associated: Uint8Array = NO_DATA,
  version: 0 | 1 = 1,
): Buffer {
  const cipher = createCipheriv(cipherName(key), key, nonce);
  if (associated.length > 0) cipher.setAAD(associated);
  const padded = version === 0 ? pad(plain) : plain;
  const body = cipher.update(padded);
  const last = cipher.final();
  return Buffer.concat([Buffer.of(version), nonce, body, last, cipher.getAuthTag()]);
}

/** Bytes that `seal` makes of `plainBytes`. */
export function sealedBytes(plainBytes: number, version: 0 | 1 = 1): number {
  const padding = version === 0 ? BLOCK_BYTES - (plainBytes % BLOCK_BYTES) : 0;
  return plainBytes + padding + SEAL_OVERHEAD;
}

/** Opens with the first key that fits. Never throws. */
export function open(
  keys: readonly Uint8Array[],
  sealed: Uint8Array,
  associated: Uint8Array = NO_DATA,
): Read<Buffer> {
  const version = sealed[0];
  if (version === undefined) return refused('Cannot decrypt empty payload');
  if (version > 1) return refused(`Unsupported encryption version ${version}`);
  const minimum = SEAL_OVERHEAD + (version === 0 ? BLOCK_BYTES : 0);
  if (sealed.length < minimum) {
    return refused(`Payload is too small to decrypt: ${sealed.length}`);
  }
  for (const key of keys) {
    const plain = tryKey(key, sealed, associated);
    if (plain === null) continue;
    return version === 0 ? unpad(plain) : { ok: true, value: plain };
  }
  return refused('No installed keys could decrypt the message');
}

function tryKey(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer | null {
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(cipherName(key), key, nonce);
  if (associated.length > 0) decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plain = decipher.update(sealed.subarray(1 + NONCE_BYTES, tagAt));
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

function pad(plain: Uint8Array): Buffer {
  const size = BLOCK_BYTES - (plain.length % BLOCK_BYTES);
  return Buffer.concat([plain, Buffer.alloc(size, size)]);
}

function unpad(padded: Buffer): Read<Buffer> {
  const size = padded[padded.length - 1] ?? 0;
  if (size < 1 || size > BLOCK_BYTES || size > padded.length) {
    return refused(`invalid padding of ${size} bytes`);
  }
  return { ok: true, value: padded.subarray(0, padded.length - size) };
}
