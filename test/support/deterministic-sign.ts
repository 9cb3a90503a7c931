/**
 * ECDSA on P-256 without chance, in place of `sign` of node:crypto: OpenSSL draws a new number for
 * each signature, so that certificates of two equal runs differ, even in length. For tests only:
 * nothing here takes care of time.
 */

import type { KeyObject } from 'node:crypto';

/** The real module; imported here it would be the one that is being replaced. */
type Crypto = typeof import('node:crypto');

/** Order of the group (FIPS 186-4, D.1.2.3). */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Makes signatures in DER, the same for the same key and content. */
export function deterministicSign({ createECDH, createHash }: Crypto) {
  return (hash: string, content: Uint8Array, key: KeyObject): Buffer => {
    const jwk = key.export({ format: 'jwk' });
    if (jwk.crv !== 'P-256' || jwk.d === undefined) throw new Error('only for P-256');
    const secret = Buffer.from(jwk.d, 'base64url');
    const digest = createHash(hash).update(content).digest();
    const z = toNumber(digest.subarray(0, 32));
    for (let attempt = 0; ; attempt++) {
      const seed = createHash('sha256').update(secret).update(digest).update(`${attempt}`).digest();
      const k = toNumber(seed) % N;
      if (k === 0n) continue;
      const curve = createECDH('prime256v1');
      curve.setPrivateKey(toBytes(k));
      const r = toNumber(curve.getPublicKey().subarray(1, 33)) % N;
      const s = (inverse(k) * (z + r * toNumber(secret))) % N;
      if (r !== 0n && s !== 0n) return sequence(integer(r), integer(s));
    }
  };
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}

/** By Fermat: N is prime. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let base = value % N;
  for (let exponent = N - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % N;
    base = (base * base) % N;
  }
  return result;
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const content = (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
  return Buffer.concat([Buffer.of(0x02, content.length), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}
