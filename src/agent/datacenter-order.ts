/** Names of known datacenters as `Catalog.ListDatacenters` answers them. */

/**
 * The own datacenter first, the others by name. (Consul orders by round-trip time where coordinates
 * are known, and by name where they are not.)
 */
export function datacenterOrder(own: string, known: readonly string[]): readonly string[] {
  const others = [...new Set(known)].filter((name) => name !== own).sort();
  return [own, ...others];
}
