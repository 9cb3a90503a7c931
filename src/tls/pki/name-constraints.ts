/** DNS name constraints of a CA (RFC 5280, 4.2.1.10), enforced when it signs. */

import { childrenOf, contentOf, type Der, sequence, tagged, taggedBytes } from './der.ts';
import { isTagged, readExtension } from './extensions.ts';

export const NAME_CONSTRAINTS_OID = '2.5.29.30';

/** GeneralName `[2] dNSName`. */
const DNS_NAME_TAG = 2;
const PERMITTED_TAG = 0;

/** The content of the extension that permits `domains` and what is below them. */
export function permittedDomains(domains: readonly string[]): Der {
  const subtrees = domains.map((domain) => sequence(dnsName(domain)));
  return sequence(tagged(PERMITTED_TAG, ...subtrees));
}

export function dnsName(name: string): Der {
  return taggedBytes(DNS_NAME_TAG, Buffer.from(name, 'utf8'));
}

/** Domains that a certificate (DER) permits; `undefined` when it does not constrain DNS names. */
export function readPermittedDomains(certificate: Uint8Array): readonly string[] | undefined {
  const constraints = readExtension(certificate, NAME_CONSTRAINTS_OID);
  const permitted =
    constraints && childrenOf(constraints).find((item) => isTagged(item, PERMITTED_TAG));
  if (permitted === undefined) return undefined;
  const bases = childrenOf(permitted).flatMap((subtree) => childrenOf(subtree)[0] ?? []);
  const domains = bases.filter((base) => isTagged(base, DNS_NAME_TAG));
  return domains.length === 0 ? undefined : domains.map((base) => contentOf(base).toString('utf8'));
}

/** The first of `names` that `permitted` does not cover; an empty list permits nothing. */
export function firstForbidden(
  names: readonly string[],
  permitted: readonly string[],
): string | undefined {
  return names.find((name) => !permitted.some((domain) => covers(domain, name)));
}

/** A leading dot asks for at least one label below the domain. */
function covers(domain: string, name: string): boolean {
  const wanted = domain.toLowerCase();
  const asked = name.toLowerCase();
  if (wanted === '') return true;
  if (wanted.startsWith('.')) return asked.endsWith(wanted);
  return asked === wanted || asked.endsWith(`.${wanted}`);
}
