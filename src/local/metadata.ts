/** Rules for meta data of services and nodes. */

const PAIRS_MAX = 64;
const KEY_LENGTH_MAX = 128;
const VALUE_LENGTH_MAX = 512;
const RESERVED_PREFIX = 'consul-';
/** The one reserved key that a mesh gateway may have: it marks those that join datacenters. */
const WAN_FEDERATION_KEY = 'consul-wan-federation';

type Meta = Readonly<Record<string, string>> | null;

/** What is wrong with the meta data of an instance, in Consul's words; `null` when nothing is. */
export function serviceMetaComplaint(kind: string, meta: Meta): string | null {
  const pairs = Object.entries(meta ?? {});
  if (pairs.length > PAIRS_MAX) return `Cannot contain more than ${PAIRS_MAX} key/value pairs`;
  return pairsComplaint(pairs, (key) => kind === 'mesh-gateway' && key === WAN_FEDERATION_KEY);
}

/** The same for meta data of nodes that servers keep or look for: reserved keys are fine. */
export function nodeMetaComplaint(meta: Meta): string | null {
  const pairs = Object.entries(meta ?? {});
  if (pairs.length > PAIRS_MAX) {
    return `Node metadata cannot contain more than ${PAIRS_MAX} key/value pairs`;
  }
  return pairsComplaint(pairs, () => true);
}

function pairsComplaint(
  pairs: readonly (readonly [string, string])[],
  reservedAllowed: (key: string) => boolean,
): string | null {
  for (const [key, value] of pairs) {
    const complaint = pairComplaint(key, value, reservedAllowed(key));
    if (complaint !== null) {
      return `Couldn't load metadata pair ('${key}', '${value}'): ${complaint}`;
    }
  }
  return null;
}

function pairComplaint(key: string, value: string, reservedAllowed: boolean): string | null {
  if (key === '') return 'Key cannot be blank';
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return 'Key contains invalid characters';
  if (key.length > KEY_LENGTH_MAX) return `Key is too long (limit: ${KEY_LENGTH_MAX} characters)`;
  if (key.startsWith(RESERVED_PREFIX) && !reservedAllowed) {
    return `Key prefix '${RESERVED_PREFIX}' is reserved for internal use`;
  }
  return value.length > VALUE_LENGTH_MAX
    ? `Value is too long (limit: ${VALUE_LENGTH_MAX} characters)`
    : null;
}
