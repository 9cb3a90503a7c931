/** The certificate that a client agent gets from its servers (auto-encrypt). */

import { X509Certificate } from 'node:crypto';
import { sequence, taggedBytes } from '../tls/pki/der.ts';
import { addressBytes } from '../tls/pki/ip-bytes.ts';
import { createKey } from '../tls/pki/keys.ts';
import { dnsName } from '../tls/pki/name-constraints.ts';
import { createRequest } from '../tls/pki/request.ts';
import { attribute, extension, OID, uriName } from '../tls/pki/x509.ts';
import type { Random } from '../world/world.ts';
import { commonName, identityUri, type MeshIdentity } from './identity.ts';

/** Servers put their cluster's trust domain in its place. */
const UNKNOWN_HOST = 'unknown';
const LOOPBACK_NAMES = ['localhost'];
const LOOPBACK_ADDRESSES = ['127.0.0.1', '::1'];
const IP_TAG = 7;

/** Part of the lifetime after which a new certificate is asked for: somewhere between the two. */
const RENEW_FROM = 0.6;
const RENEW_TO = 0.9;
/** Beyond what a timer can count; renewing earlier does no harm. */
const RENEW_MS_MAX = 20 * 86_400_000;

export interface AgentNames {
  readonly datacenter: string;
  readonly node: string;
  /** Beyond `localhost`. */
  readonly dnsNames: readonly string[];
  /** Beyond loopback. */
  readonly ipAddresses: readonly string[];
}

/** A new key, and the PEM text of a request for its certificate. */
export function createAgentRequest(
  names: AgentNames,
  random: Random,
): { readonly requestPem: string; readonly keyPem: string } {
  const identity: MeshIdentity = {
    kind: 'agent',
    host: UNKNOWN_HOST,
    datacenter: names.datacenter,
    name: names.node,
  };
  const key = createKey(random);
  const subject = sequence(attribute(OID.commonName, commonName(identity)));
  const alternatives = sequence(
    ...[...LOOPBACK_NAMES, ...names.dnsNames].map(dnsName),
    ...[...LOOPBACK_ADDRESSES, ...names.ipAddresses].map((address) =>
      taggedBytes(IP_TAG, addressBytes(address)),
    ),
    uriName(identityUri(identity)),
  );
  const requestPem = createRequest(subject, key, [extension(OID.subjectAltName, alternatives)]);
  return { requestPem, keyPem: key.pem };
}

/** Milliseconds until a certificate should be renewed; 0 when that is overdue. */
export function renewInMs(certPem: string, nowMs: number, random: Random): number {
  const { validFrom, validTo } = new X509Certificate(certPem);
  const from = Date.parse(validFrom);
  const lifetimeMs = Date.parse(validTo) - from;
  const share = RENEW_FROM + (RENEW_TO - RENEW_FROM) * (random.uint32() / 0x1_0000_0000);
  return Math.min(Math.max(from + lifetimeMs * share - nowMs, 0), RENEW_MS_MAX);
}

/** Whether a certificate is of no use any more. */
export function isExpired(certPem: string, nowMs: number): boolean {
  return Date.parse(new X509Certificate(certPem).validTo) <= nowMs;
}
