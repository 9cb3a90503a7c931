/** EC keys: made from given randomness, written as SEC 1 PEM, read back for signing. */

import { createECDH, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Random } from '../../world/world.ts';
import {
  bitString,
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  tagged,
  unsignedInteger,
} from './der.ts';
import { decodePem, encodePem } from './pem.ts';
import { PkiError } from './pki-error.ts';

const P256_OID = '1.2.840.10045.3.1.7';
const P256_BYTES = 32;
const KEY_PEM_TYPE = 'EC PRIVATE KEY';

/** A random scalar is refused with probability 2^-32 on P-256; more refusals mean broken chance. */
const SCALAR_TRIES_MAX = 16;

/** A key that signs, and what the certificate of its owner carries. */
export interface SigningKey {
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
}

export interface CreatedKey extends SigningKey {
  /** SEC 1, PEM type `EC PRIVATE KEY`. */
  readonly pem: string;
}

/** A new P-256 key. The private scalar is nothing but bytes of `random`. */
export function createKey(random: Random): CreatedKey {
  for (let tries = 0; tries < SCALAR_TRIES_MAX; tries += 1) {
    const scalar = random.bytes(P256_BYTES);
    const point = publicPoint(scalar);
    if (point === undefined) continue;
    const der = encodeDer(
      sequence(
        unsignedInteger(Uint8Array.of(1)),
        octetString(scalar),
        tagged(0, objectIdentifier(P256_OID)),
        tagged(1, bitString(point)),
      ),
    );
    const pem = encodePem(KEY_PEM_TYPE, der);
    return { pem, ...signingKey(createPrivateKey(pem)) };
  }
  throw new Error(`no usable private key in ${SCALAR_TRIES_MAX} tries`);
}

/** Reads the key of a CA. Throws a `PkiError`, in Consul's words. */
export function parseSigningKey(pem: string): SigningKey {
  const block = decodePem(pem);
  if (block === undefined) throw new PkiError('no PEM-encoded data found');
  if (block.type !== KEY_PEM_TYPE) {
    throw new PkiError(`unknown PEM block type for signing key: ${block.type}`);
  }
  try {
    return signingKey(createPrivateKey({ key: block.der, format: 'der', type: 'sec1' }));
  } catch (cause) {
    throw new PkiError('failed to read the EC private key', { cause });
  }
}

function signingKey(key: KeyObject): SigningKey {
  return { key, spki: createPublicKey(key).export({ type: 'spki', format: 'der' }) };
}

/** `undefined` when the scalar is 0 or not below the order of the curve. */
function publicPoint(scalar: Uint8Array): Buffer | undefined {
  const ecdh = createECDH('prime256v1');
  try {
    ecdh.setPrivateKey(scalar);
    return ecdh.getPublicKey();
  } catch {
    return undefined;
  }
}
