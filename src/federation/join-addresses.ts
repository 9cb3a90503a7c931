/** Addresses that a retry-joiner starts from. */

import { toError } from '../error-text.ts';
import { isDiscovery } from './gateway-address.ts';

/**
 * Nobody dials it (TEST-NET-1, RFC 5737): through gateways only the name leads anywhere. Consul
 * uses the same.
 */
const PLACEHOLDER_ADDRESS = '192.0.2.2';

/** Joins any server of a datacenter through gateways, whatever its servers are called. */
export function anyServerOf(datacenter: string): string {
  return `*.${datacenter}/${PLACEHOLDER_ADDRESS}`;
}

/** Turns a `provider=… key=…` entry into addresses. Rejects with a reason for the operator. */
export interface Discovery {
  /** Names of the supported methods; may be empty. */
  readonly methods: readonly string[];
  discover(entry: string): Promise<readonly string[]>;
}

/** Knows no cloud: every entry is refused with its provider's name and what to write instead. */
export const noDiscovery: Discovery = {
  methods: [],
  discover: (entry) => {
    const provider = /(?:^|\s)provider=(\S+)/.exec(entry)?.[1] ?? '';
    return Promise.reject(
      new Error(`discover: unknown provider ${provider}: write addresses or host names instead`),
    );
  },
};

export interface Resolved {
  readonly addresses: readonly string[];
  readonly failures: readonly { readonly address: string; readonly error: Error }[];
}

/** Runs discovery for the entries that ask for it and keeps the others as they are. */
export async function resolveEntries(
  entries: readonly string[],
  discovery: Discovery,
): Promise<Resolved> {
  const addresses: string[] = [];
  const failures: { address: string; error: Error }[] = [];
  for (const entry of entries) {
    if (!isDiscovery(entry)) {
      addresses.push(entry);
      continue;
    }
    try {
      addresses.push(...(await discovery.discover(entry)));
    } catch (cause) {
      const error = toError(cause);
      failures.push({ address: entry, error });
    }
  }
  return { addresses, failures };
}
