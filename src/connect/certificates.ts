/**
 * Certificates of the service mesh as Consul's built-in provider makes them: the root of the primary
 * datacenter and the intermediates of the secondaries. Pure: serials, chance and time come in.
 */

import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import type { CARoot } from '../model/connect-ca.ts';
import { contentOf, type Der, sequence, truth, unsignedInteger } from '../tls/pki/der.ts';
import { readExtension } from '../tls/pki/extensions.ts';
import { createKey, parseSigningKey, type SigningKey } from '../tls/pki/keys.ts';
import { PkiError } from '../tls/pki/pki-error.ts';
import { createRequest, readRequest } from '../tls/pki/request.ts';
import {
  attribute,
  critical,
  extension,
  issue,
  KEY_USAGE,
  keyIdOf,
  keyIds,
  OID,
  readCa,
  uriName,
  usage,
} from '../tls/pki/x509.ts';
import { type GoTime, goTimeFromUnixMs, ZERO_TIME } from '../wire/msgpack/time.ts';
import type { Random } from '../world/world.ts';

/** Identities of the mesh live under `<cluster id>.consul`, whatever the DNS domain is. */
export const TRUST_DOMAIN = 'consul';
/** Name of every root of the built-in provider. */
const ROOT_NAME = 'Consul CA Root Cert';
const ROOT_YEARS = 10;
/** Clocks of the datacenters may differ by that much. */
const CLOCK_ALLOWANCE_MS = 60_000;
const UNIQUE_BYTES = 5;
const CLUSTER_CHARACTERS = 8;

/** A certificate and its key, as PEM texts. */
export interface MadeRoot {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface RootRequest {
  readonly clusterId: string;
  readonly serial: number;
  /** PEM of the key to use; a new one is made when empty. */
  readonly keyPem: string;
  readonly nowMs: number;
  readonly random: Random;
}

/** `spiffe://<cluster>.consul`, the name of a cluster's authority. */
export function authorityUri(clusterId: string): string {
  return `spiffe://${clusterId}.${TRUST_DOMAIN}`;
}

/** A self-signed root, valid for ten years. Throws a `PkiError` when `keyPem` cannot be used. */
export function createRoot(request: RootRequest): MadeRoot {
  const { clusterId, nowMs, random } = request;
  const made = request.keyPem === '' ? createKey(random) : undefined;
  const key: SigningKey = made ?? parseSigningKey(request.keyPem);
  const keyId = keyIdOf(key);
  const subject = authoritySubject('pri', clusterId, random);
  const certPem = issue({
    serial: serialBytes(request.serial),
    issuer: subject,
    subject,
    notBeforeMs: nowMs,
    notAfterMs: yearsLater(nowMs, ROOT_YEARS),
    extensions: authorityExtensions(sequence(truth(true)), keyId, keyId, clusterId),
    ownerSpki: key.spki,
    signer: key,
  });
  return { certPem, keyPem: made?.pem ?? request.keyPem };
}

/** A new key, and a request for an intermediate of the cluster's authority for it. */
export function createIntermediateRequest(
  clusterId: string,
  random: Random,
): { readonly requestPem: string; readonly keyPem: string } {
  const key = createKey(random);
  const requestPem = createRequest(authoritySubject('sec', clusterId, random), key, [
    extension(OID.subjectAltName, sequence(uriName(authorityUri(clusterId)))),
    extension(OID.basicConstraints, intermediateConstraints()),
  ]);
  return { requestPem, keyPem: key.pem };
}

export interface SigningOrder {
  readonly requestPem: string;
  readonly root: MadeRoot;
  readonly clusterId: string;
  readonly serial: number;
  readonly nowMs: number;
  readonly lifetimeMs: number;
}

/** Why a request for an intermediate is refused; `undefined` when it may be signed. */
export function intermediateComplaint(requestPem: string, clusterId: string): string | undefined {
  const [uri, ...more] = readRequest(requestPem).uris;
  const own = authorityUri(clusterId);
  if (uri === undefined || more.length > 0) {
    return `incoming CSR must have exactly one URI but has ${uri === undefined ? 0 : more.length + 1}`;
  }
  if (uri.toLowerCase() === own.toLowerCase()) return undefined;
  return `incoming CSR domain "${uri.replace(/^spiffe:\/\//, '')}" is not valid for our domain "${own.replace(/^spiffe:\/\//, '')}"`;
}

/** Signs an intermediate that may sign leaves and nothing else. Throws a `PkiError`. */
export function signIntermediate(order: SigningOrder): string {
  const { subject, spki } = readRequest(order.requestPem);
  const authority = readCa(order.root);
  const notBeforeMs = order.nowMs - CLOCK_ALLOWANCE_MS;
  return issue({
    serial: serialBytes(order.serial),
    issuer: authority.subject,
    subject,
    notBeforeMs,
    notAfterMs: notBeforeMs + order.lifetimeMs,
    extensions: authorityExtensions(
      intermediateConstraints(),
      keyIdOf({ spki }),
      authority.keyId,
      order.clusterId,
    ),
    ownerSpki: spki,
    signer: authority.signer,
  });
}

/** Throws a `PkiError` unless `certPem` is of this key and signed by the root. */
export function checkIntermediate(certPem: string, keyPem: string, rootPem: string): void {
  const certificate = readCertificate(certPem);
  if (!certificate.verify(readCertificate(rootPem).publicKey)) {
    throw new PkiError('could not verify intermediate cert against root');
  }
  const own = createPublicKey(parseSigningKey(keyPem).key);
  if (!certificate.publicKey.equals(own)) {
    throw new PkiError('intermediate cert is for a different private key');
  }
}

/** Whether more than half of a certificate's lifetime is over. */
export function isPastHalf(certPem: string, nowMs: number): boolean {
  const certificate = readCertificate(certPem);
  const from = Date.parse(certificate.validFrom);
  return nowMs > from + (Date.parse(certificate.validTo) - from) / 2;
}

/** The subject key id of a certificate, in the form of `SigningKeyID`. */
export function signingKeyId(certPem: string): string {
  const certificate = readCertificate(certPem);
  const stated = readExtension(certificate.raw, OID.subjectKeyId);
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const id = stated === undefined ? keyIdOf({ spki }) : contentOf(stated);
  return hexPairs(id);
}

/** The record of a root. Throws a `PkiError` for what is no certificate. */
export function rootRecord(certPem: string, clusterId: string): Partial<CARoot> {
  const certificate = readCertificate(certPem);
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const rsa = asymmetricKeyType === 'rsa';
  return {
    ID: hexPairs(createHash('sha1').update(certificate.raw).digest()),
    Name: ROOT_NAME,
    // A negative one counts by its amount, as in Go.
    SerialNumber: BigInt.asUintN(64, BigInt(`0x${certificate.serialNumber.replace('-', '')}`)),
    SigningKeyID: signingKeyId(certPem),
    ExternalTrustDomain: clusterId,
    NotBefore: timeOf(certificate.validFrom),
    NotAfter: timeOf(certificate.validTo),
    RootCert: certPem,
    Active: true,
    RotatedOutAt: ZERO_TIME,
    PrivateKeyType: rsa ? 'rsa' : 'ec',
    PrivateKeyBits: rsa ? (asymmetricKeyDetails?.modulusLength ?? 0) : curveBits(certificate),
  };
}

function timeOf(text: string): GoTime {
  const unixMs = Date.parse(text);
  if (Number.isNaN(unixMs)) throw new PkiError(`the certificate has no time but "${text}"`);
  return goTimeFromUnixMs(unixMs);
}

/** Bytes as lower-case hex pairs with colons. */
export function hexPairs(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function readCertificate(pem: string): X509Certificate {
  try {
    const certificate = new X509Certificate(pem);
    // The key is read when it is asked for, and may be of no kind that is known.
    if (certificate.publicKey.type === 'public') return certificate;
    throw new Error('the key is not a public one');
  } catch (cause) {
    throw new PkiError('failed to read the certificate', { cause });
  }
}

const CURVE_BITS: Readonly<Record<string, number>> = { secp384r1: 384, secp521r1: 521 };

function curveBits(certificate: X509Certificate): number {
  return CURVE_BITS[certificate.publicKey.asymmetricKeyDetails?.namedCurve ?? ''] ?? 256;
}

/** `pri-<unique>.consul.ca.<start of the cluster id>.consul`. */
function authoritySubject(rank: 'pri' | 'sec', clusterId: string, random: Random): Der {
  const unique = Buffer.from(random.bytes(UNIQUE_BYTES)).readUIntBE(0, UNIQUE_BYTES).toString(36);
  const cluster = clusterId.slice(0, CLUSTER_CHARACTERS);
  const name = `${rank}-${unique}.consul.ca.${cluster}.${TRUST_DOMAIN}`;
  return sequence(attribute(OID.commonName, name));
}

function intermediateConstraints(): Der {
  return sequence(truth(true), unsignedInteger(Uint8Array.of(0)));
}

function authorityExtensions(
  constraints: Der,
  keyId: Buffer,
  authorityKeyId: Buffer,
  clusterId: string,
): readonly Der[] {
  return [
    usage([KEY_USAGE.digitalSignature, KEY_USAGE.keyCertSign, KEY_USAGE.crlSign]),
    critical(OID.basicConstraints, constraints),
    ...keyIds(keyId, authorityKeyId),
    extension(OID.subjectAltName, sequence(uriName(authorityUri(clusterId)))),
  ];
}

/** A serial number, big-endian. */
export function serialBytes(serial: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(serial));
  return bytes;
}

function yearsLater(ms: number, years: number): number {
  const date = new Date(ms);
  date.setUTCFullYear(date.getUTCFullYear() + years);
  return date.getTime();
}
