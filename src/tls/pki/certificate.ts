/**
 * Certificates as Consul's `tls` tooling makes them: an EC P-256 authority, and certificates for
 * servers, clients and the command line. Pure: chance and time come in as arguments; only the nonce
 * of the ECDSA signature is OpenSSL's.
 */

import { X509Certificate } from 'node:crypto';
import type { Random } from '../../world/world.ts';
import { type Der, objectIdentifier, sequence, taggedBytes, truth } from './der.ts';
import { addressBytes } from './ip-bytes.ts';
import { createKey } from './keys.ts';
import {
  dnsName,
  firstForbidden,
  NAME_CONSTRAINTS_OID,
  permittedDomains,
  readPermittedDomains,
} from './name-constraints.ts';
import { PkiError } from './pki-error.ts';
import {
  attribute,
  critical,
  extension,
  type Issued,
  issue,
  KEY_USAGE,
  keyIdOf,
  keyIds,
  type Making,
  OID,
  readCa,
  uriName,
  usage,
} from './x509.ts';

export { PkiError } from './pki-error.ts';
export type { Issued, Making } from './x509.ts';

const DAY_MS = 86_400_000;
const SERIAL_BYTES = 16;

const EXTENDED_USAGE_OID = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

export type ExtendedUsage = keyof typeof EXTENDED_USAGE_OID;

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
  const certPem = issue({
    ...validity(making.nowMs, request.days),
    serial,
    issuer: subject,
    subject,
    extensions,
    ownerSpki: key.spki,
    signer: key,
  });
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
  const certPem = issue({
    ...validity(making.nowMs, request.days),
    serial: createSerial(making.random),
    issuer: authority.subject,
    subject: sequence(attribute(OID.commonName, request.commonName)),
    extensions,
    ownerSpki: key.spki,
    signer: authority.signer,
  });
  if (!new X509Certificate(certPem).verify(authority.certificate.publicKey)) {
    throw new PkiError(
      'x509: certificate signed by unknown authority (the CA key does not belong to the CA certificate)',
    );
  }
  return { certPem, keyPem: key.pem };
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

function extendedUsage(usages: readonly ExtendedUsage[]): Der {
  const oids = usages.map((name) => objectIdentifier(EXTENDED_USAGE_OID[name]));
  return extension(OID.extendedKeyUsage, sequence(...oids));
}

function validity(
  nowMs: number,
  days: number,
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  return { notBeforeMs: nowMs, notAfterMs: nowMs + days * DAY_MS };
}

function createSerial(random: Random): Uint8Array {
  const serial = random.bytes(SERIAL_BYTES);
  // Zero is not a serial number (RFC 5280, 4.1.2.2).
  return serial.every((byte) => byte === 0) ? Uint8Array.of(1) : serial;
}

function decimal(bigEndian: Uint8Array): string {
  return BigInt(`0x${Buffer.from(bigEndian).toString('hex')}`).toString(10);
}
