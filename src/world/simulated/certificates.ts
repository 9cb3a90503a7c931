/**
 * Certificates in the simulated world. Real PEM texts are read and verified as they are (the
 * handshake alone is simulated); texts made by `simulatedAuthority` are cheap and need no key pair.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { TlsIdentity } from '../world.ts';
import { hash32 } from './random.ts';

/** What a handshake needs to know of a certificate. */
export interface Certificate {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly fingerprint: string;
  readonly extendedKeyUsage: readonly string[];
  readonly validFromMs: number;
  readonly validToMs: number;
  isSignedBy(authority: Certificate): boolean;
  isFor(host: string): boolean;
  hasKey(keyPem: string): boolean;
}

/** Certificates kept, by text. */
const KNOWN_MAX = 4096;

const PEM = /-----BEGIN ([A-Z ]*)CERTIFICATE-----[\s\S]*?-----END \1CERTIFICATE-----/g;
const SIMULATED_BEGIN = '-----BEGIN SIMULATED CERTIFICATE-----';

const known = new Map<string, Certificate>();

/** The certificates of a text, in order. Throws when it has none or one that cannot be read. */
export function readCertificates(pem: string): Certificate[] {
  const texts = pem.match(PEM) ?? [];
  if (texts.length === 0) throw new Error('no certificate in the PEM text');
  return texts.map(readCertificate);
}

function readCertificate(text: string): Certificate {
  const found = known.get(text);
  if (found) return found;
  const made = text.startsWith(SIMULATED_BEGIN) ? readSimulated(text) : readX509(text);
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(text, made);
  return made;
}

const x509s = new WeakMap<Certificate, X509Certificate>();

function readX509(text: string): Certificate {
  const x509 = new X509Certificate(text);
  const names = x509.subjectAltName?.split(', ') ?? [];
  const signers = new Map<Certificate, boolean>();
  const certificate: Certificate = {
    commonName: /^CN=(.*)$/m.exec(x509.subject)?.[1] ?? '',
    dnsNames: names.filter((name) => name.startsWith('DNS:')).map((name) => name.slice(4)),
    fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    extendedKeyUsage: x509.keyUsage ?? [],
    validFromMs: Date.parse(x509.validFrom),
    validToMs: Date.parse(x509.validTo),
    isSignedBy: (authority) => {
      const remembered = signers.get(authority);
      if (remembered !== undefined) return remembered;
      const issuer = x509s.get(authority);
      const signed = !!issuer && x509.checkIssued(issuer) && x509.verify(issuer.publicKey);
      signers.set(authority, signed);
      return signed;
    },
    isFor: (host) => (isAddress(host) ? x509.checkIP(host) : x509.checkHost(host)) !== undefined,
    hasKey: (keyPem) => x509.checkPrivateKey(createPrivateKey(keyPem)),
  };
  x509s.set(certificate, x509);
  return certificate;
}

function isAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}

interface SimulatedFields {
  readonly authority: string;
  readonly commonName: string;
  readonly names: readonly string[];
  readonly usage: readonly string[];
  readonly validFromMs: number;
  readonly validToMs: number;
}

const SERVER_AND_CLIENT = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

/** An authority that signs simulated certificates: its own PEM-like text, and `issue`. */
export interface SimulatedAuthority {
  readonly pem: string;
  /** An identity for `commonName` and the DNS names or addresses given. Valid for ever by default. */
  issue(options: {
    readonly commonName: string;
    readonly names?: readonly string[];
    readonly extendedKeyUsage?: readonly string[];
    readonly validFromMs?: number;
    readonly validToMs?: number;
  }): TlsIdentity;
}

/** Two authorities of the same name trust each other's certificates: they are the same. */
export function simulatedAuthority(name: string): SimulatedAuthority {
  const text = (fields: SimulatedFields): string =>
    `${SIMULATED_BEGIN}\n${JSON.stringify(fields)}\n-----END SIMULATED CERTIFICATE-----\n`;
  const always = { validFromMs: 0, validToMs: Number.MAX_SAFE_INTEGER };
  return {
    pem: text({ authority: name, commonName: name, names: [], usage: [], ...always }),
    issue: ({ commonName, names = [commonName], extendedKeyUsage, ...validity }) => {
      const usage = extendedKeyUsage ?? SERVER_AND_CLIENT;
      const fields = { authority: name, commonName, names, usage, ...always, ...validity };
      const certPem = text(fields);
      return { certPem, keyPem: `SIMULATED KEY ${hash32(certPem.trim())}` };
    },
  };
}

function readSimulated(text: string): Certificate {
  const fields = JSON.parse(text.split('\n')[1] ?? '') as SimulatedFields;
  const certificate: Certificate = {
    commonName: fields.commonName,
    dnsNames: fields.names.filter((name) => !isAddress(name)),
    fingerprint: hash32(text).toString(16).padStart(8, '0').repeat(8),
    extendedKeyUsage: fields.usage,
    validFromMs: fields.validFromMs,
    validToMs: fields.validToMs,
    isSignedBy: (authority) => authority.commonName === fields.authority && !x509s.has(authority),
    isFor: (host) => fields.names.some((name) => matches(name, host)),
    hasKey: (keyPem) => keyPem === `SIMULATED KEY ${hash32(text.trim())}`,
  };
  return certificate;
}

/** One label may be a wildcard, the first (RFC 6125 6.4.3). */
function matches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}
