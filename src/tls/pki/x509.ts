/** What all certificates are made of (RFC 5280), over the shapes of DER. */

import { createHash, type KeyObject, sign, X509Certificate } from 'node:crypto';
import type { Random } from '../../world/world.ts';
import {
  bitString,
  childrenOf,
  contentOf,
  type Der,
  decodeDer,
  encodeDer,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tagged,
  taggedBytes,
  text,
  time,
  truth,
  unsignedInteger,
} from './der.ts';
import { readExtension } from './extensions.ts';
import { parseSigningKey, type SigningKey } from './keys.ts';
import { decodePem, encodePem } from './pem.ts';
import { PkiError } from './pki-error.ts';

const CERTIFICATE_PEM_TYPE = 'CERTIFICATE';

export const OID = {
  country: '2.5.4.6',
  province: '2.5.4.8',
  locality: '2.5.4.7',
  street: '2.5.4.9',
  postalCode: '2.5.4.17',
  organization: '2.5.4.10',
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Bits of the key usage extension (RFC 5280, 4.2.1.3). */
export const KEY_USAGE = {
  digitalSignature: 0,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  crlSign: 6,
} as const;

/** ECDSA with the hash that matches the strength of the curve, as Go chooses it. */
const SIGNATURES: Readonly<Record<string, { readonly hash: string; readonly oid: string }>> = {
  prime256v1: { hash: 'sha256', oid: '1.2.840.10045.4.3.2' },
  secp384r1: { hash: 'sha384', oid: '1.2.840.10045.4.3.3' },
  secp521r1: { hash: 'sha512', oid: '1.2.840.10045.4.3.4' },
};

/** A certificate and the key that belongs to it, as PEM texts. */
export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Chance and time of a making. */
export interface Making {
  readonly random: Random;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

export interface Authority {
  readonly certificate: X509Certificate;
  readonly subject: Der;
  readonly keyId: Buffer;
  readonly signer: SigningKey;
}

/** Reads an authority. Throws a `PkiError` for texts that cannot be used. */
export function readCa(ca: Issued): Authority {
  const block = decodePem(ca.certPem);
  const signer = parseSigningKey(ca.keyPem);
  if (block === undefined) throw new PkiError('no PEM-encoded data found');
  if (block.type !== CERTIFICATE_PEM_TYPE) {
    throw new PkiError('first PEM-block should be CERTIFICATE type');
  }
  try {
    const certificate = new X509Certificate(block.der);
    const stated = readExtension(block.der, OID.subjectKeyId);
    const keyId = stated === undefined ? keyIdOf(signer) : contentOf(stated);
    return { certificate, signer, subject: subjectOf(block.der), keyId };
  } catch (cause) {
    throw new PkiError('failed to read the CA certificate', { cause });
  }
}

/** The subject of a certificate: the sixth field of a version 3 TBSCertificate. */
export function subjectOf(der: Buffer): Der {
  const tbs = childrenOf(decodeDer(der))[0];
  const subject = tbs === undefined ? undefined : childrenOf(tbs)[5];
  if (subject === undefined) throw new Error('a certificate without subject');
  return subject;
}

export interface Issue {
  readonly serial: Uint8Array;
  readonly issuer: Der;
  readonly subject: Der;
  /** Milliseconds since the Unix epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Der[];
  /** SubjectPublicKeyInfo of the owner. */
  readonly ownerSpki: Uint8Array;
  readonly signer: SigningKey;
}

/** The PEM text of a signed certificate. */
export function issue(certificate: Issue): string {
  const algorithm = sequence(objectIdentifier(signatureFor(certificate.signer.key).oid));
  const tbs = sequence(
    tagged(0, unsignedInteger(Uint8Array.of(2))),
    unsignedInteger(certificate.serial),
    algorithm,
    certificate.issuer,
    sequence(time(certificate.notBeforeMs), time(certificate.notAfterMs)),
    certificate.subject,
    decodeDer(certificate.ownerSpki),
    tagged(3, sequence(...certificate.extensions)),
  );
  return encodePem(CERTIFICATE_PEM_TYPE, encodeDer(signed(tbs, certificate.signer.key)));
}

/** What is signed, the algorithm, the signature: the form of certificates and requests alike. */
export function signed(content: Der, key: KeyObject): Der {
  const { hash, oid } = signatureFor(key);
  const signature = sign(hash, encodeDer(content), key);
  return sequence(content, sequence(objectIdentifier(oid)), bitString(signature));
}

function signatureFor(key: KeyObject): { readonly hash: string; readonly oid: string } {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  const signature = SIGNATURES[curve];
  if (signature === undefined) throw new PkiError(`cannot sign with a key on curve "${curve}"`);
  return signature;
}

export function attribute(oid: string, value: string): Der {
  return setOf(sequence(objectIdentifier(oid), text(value)));
}

export function extension(oid: string, content: Der): Der {
  return sequence(objectIdentifier(oid), octetString(encodeDer(content)));
}

export function critical(oid: string, content: Der): Der {
  return sequence(objectIdentifier(oid), truth(true), octetString(encodeDer(content)));
}

export function usage(bits: readonly number[]): Der {
  return critical(OID.keyUsage, namedBits(bits));
}

export function keyIds(subject: Buffer, authority: Buffer): readonly Der[] {
  return [
    extension(OID.subjectKeyId, octetString(subject)),
    extension(OID.authorityKeyId, sequence(taggedBytes(0, authority))),
  ];
}

/** Consul's rule: SHA-256 of the public key info, all 32 bytes. */
export function keyIdOf(key: { readonly spki: Uint8Array }): Buffer {
  return createHash('sha256').update(key.spki).digest();
}

export function uriName(uri: string): Der {
  return taggedBytes(6, Buffer.from(uri, 'utf8'));
}
