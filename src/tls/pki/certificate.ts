/**
 * Certificates as Consul's `tls` tooling makes them: an EC P-256 authority, and certificates for
 * servers, clients and the command line. Pure: chance and time come in as arguments; only the nonce
 * of the ECDSA signature is OpenSSL's.
 */

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
import { addressBytes } from './ip-bytes.ts';
import { createKey, parseSigningKey, type SigningKey } from './keys.ts';
import {
  dnsName,
  firstForbidden,
  NAME_CONSTRAINTS_OID,
  permittedDomains,
  readPermittedDomains,
} from './name-constraints.ts';
import { decodePem, encodePem } from './pem.ts';
import { PkiError } from './pki-error.ts';

export { PkiError } from './pki-error.ts';

const DAY_MS = 86_400_000;
const SERIAL_BYTES = 16;
const CERTIFICATE_PEM_TYPE = 'CERTIFICATE';

const OID = {
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
const KEY_USAGE = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyCertSign: 5,
  crlSign: 6,
} as const;

const EXTENDED_USAGE_OID = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

export type ExtendedUsage = keyof typeof EXTENDED_USAGE_OID;

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

export interface CaRequest {
  readonly days: number;
  /** Default `Consul Agent CA <serial in decimal>`. */
  readonly commonName?: string;
  /** Domains below which alone the CA may sign; unconstrained when omitted. */
  readonly permittedDomains?: readonly string[];
  /** Added as URI name, for `-cluster-id`: `spiffe://<id>.<domain>`. */
  readonly uri?: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly days: number;
  /** In order, as they shall stand in the certificate. */
  readonly dnsNames: readonly string[];
  /** IPv4 or IPv6 texts. */
  readonly ipAddresses: readonly string[];
  /** In order; none for certificates of the command line. */
  readonly extendedUsage: readonly ExtendedUsage[];
}

/** Chance and time of a making. */
export interface Making {
  readonly random: Random;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** A new authority. */
export function createCa(request: CaRequest, making: Making): Issued {
  const key = createKey(making.random);
  const serial = createSerial(making.random);
  const subject = caSubject(request.commonName ?? `Consul Agent CA ${decimal(serial)}`);
  const keyId = keyIdOf(key);
  const extensions = [
    usage([KEY_USAGE.digitalSignature, KEY_USAGE.keyCertSign, KEY_USAGE.crlSign]),
    critical(OID.basicConstraints, sequence(truth(true))),
    ...keyIds(keyId, keyId),
    ...(request.uri === undefined
      ? []
      : [extension(OID.subjectAltName, sequence(uriName(request.uri)))]),
    ...(request.permittedDomains === undefined
      ? []
      : [critical(NAME_CONSTRAINTS_OID, permittedDomains(request.permittedDomains))]),
  ];
  const certPem = issue(
    { serial, issuer: subject, subject, days: request.days, extensions, owner: key, signer: key },
    making.nowMs,
  );
  return { certPem, keyPem: key.pem };
}

/**
 * A certificate signed by `ca`. Throws a `PkiError` when the CA's PEM texts cannot be used, when its
 * key is not the key of its certificate, or when it is not permitted to sign for one of the names.
 */
export function createCertificate(request: CertificateRequest, ca: Issued, making: Making): Issued {
  const authority = readCa(ca);
  refuseForbiddenNames(request.dnsNames, authority.certificate);
  const key = createKey(making.random);
  const names = [
    ...request.dnsNames.map(dnsName),
    ...request.ipAddresses.map((address) => taggedBytes(7, addressBytes(address))),
  ];
  const extensions = [
    usage([KEY_USAGE.digitalSignature, KEY_USAGE.keyEncipherment]),
    ...(request.extendedUsage.length === 0 ? [] : [extendedUsage(request.extendedUsage)]),
    critical(OID.basicConstraints, sequence()),
    ...keyIds(keyIdOf(key), authority.keyId),
    ...(names.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...names))]),
  ];
  const certPem = issue(
    {
      serial: createSerial(making.random),
      issuer: authority.subject,
      subject: sequence(attribute(OID.commonName, request.commonName)),
      days: request.days,
      extensions,
      owner: key,
      signer: authority.signer,
    },
    making.nowMs,
  );
  if (!new X509Certificate(certPem).verify(authority.certificate.publicKey)) {
    throw new PkiError(
      'x509: certificate signed by unknown authority (the CA key does not belong to the CA certificate)',
    );
  }
  return { certPem, keyPem: key.pem };
}

interface Authority {
  readonly certificate: X509Certificate;
  readonly subject: Der;
  readonly keyId: Buffer;
  readonly signer: SigningKey;
}

function readCa(ca: Issued): Authority {
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
function subjectOf(der: Buffer): Der {
  const tbs = childrenOf(decodeDer(der))[0];
  const subject = tbs === undefined ? undefined : childrenOf(tbs)[5];
  if (subject === undefined) throw new Error('a certificate without subject');
  return subject;
}

function refuseForbiddenNames(names: readonly string[], ca: X509Certificate): void {
  const permitted = readPermittedDomains(ca.raw);
  const forbidden = permitted === undefined ? undefined : firstForbidden(names, permitted);
  if (forbidden === undefined) return;
  throw new PkiError(
    'x509: a root or intermediate certificate is not authorized to sign for this name: ' +
      `DNS name "${forbidden}" is not permitted by any constraint`,
  );
}

interface Issue {
  readonly serial: Uint8Array;
  readonly issuer: Der;
  readonly subject: Der;
  readonly days: number;
  readonly extensions: readonly Der[];
  readonly owner: SigningKey;
  readonly signer: SigningKey;
}

function issue(certificate: Issue, nowMs: number): string {
  const signature = signatureFor(certificate.signer.key);
  const algorithm = sequence(objectIdentifier(signature.oid));
  const tbs = sequence(
    tagged(0, unsignedInteger(Uint8Array.of(2))),
    unsignedInteger(certificate.serial),
    algorithm,
    certificate.issuer,
    sequence(time(nowMs), time(nowMs + certificate.days * DAY_MS)),
    certificate.subject,
    decodeDer(certificate.owner.spki),
    tagged(3, sequence(...certificate.extensions)),
  );
  const signed = sign(signature.hash, encodeDer(tbs), certificate.signer.key);
  return encodePem(CERTIFICATE_PEM_TYPE, encodeDer(sequence(tbs, algorithm, bitString(signed))));
}

function signatureFor(key: KeyObject): { readonly hash: string; readonly oid: string } {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  const signature = SIGNATURES[curve];
  if (signature === undefined) throw new PkiError(`cannot sign with a key on curve "${curve}"`);
  return signature;
}

function caSubject(commonName: string): Der {
  return sequence(
    attribute(OID.country, 'US'),
    attribute(OID.province, 'CA'),
    attribute(OID.locality, 'San Francisco'),
    attribute(OID.street, '101 Second Street'),
    attribute(OID.postalCode, '94105'),
    attribute(OID.organization, 'HashiCorp Inc.'),
    attribute(OID.commonName, commonName),
  );
}

function attribute(oid: string, value: string): Der {
  return setOf(sequence(objectIdentifier(oid), text(value)));
}

function extension(oid: string, content: Der): Der {
  return sequence(objectIdentifier(oid), octetString(encodeDer(content)));
}

function critical(oid: string, content: Der): Der {
  return sequence(objectIdentifier(oid), truth(true), octetString(encodeDer(content)));
}

function usage(bits: readonly number[]): Der {
  return critical(OID.keyUsage, namedBits(bits));
}

function extendedUsage(usages: readonly ExtendedUsage[]): Der {
  const oids = usages.map((name) => objectIdentifier(EXTENDED_USAGE_OID[name]));
  return extension(OID.extendedKeyUsage, sequence(...oids));
}

function keyIds(subject: Buffer, authority: Buffer): readonly Der[] {
  return [
    extension(OID.subjectKeyId, octetString(subject)),
    extension(OID.authorityKeyId, sequence(taggedBytes(0, authority))),
  ];
}

/** Consul's rule: SHA-256 of the public key info, all 32 bytes. */
function keyIdOf(key: SigningKey): Buffer {
  return createHash('sha256').update(key.spki).digest();
}

function uriName(uri: string): Der {
  return taggedBytes(6, Buffer.from(uri, 'utf8'));
}

function createSerial(random: Random): Uint8Array {
  const serial = random.bytes(SERIAL_BYTES);
  // Zero is not a serial number (RFC 5280, 4.1.2.2).
  return serial.every((byte) => byte === 0) ? Uint8Array.of(1) : serial;
}

function decimal(bigEndian: Uint8Array): string {
  return BigInt(`0x${Buffer.from(bigEndian).toString('hex')}`).toString(10);
}
