/** Names of the WAN pool: `<node>.<dc>`. */

export interface WanName {
  readonly node: string;
  readonly datacenter: string;
}

/**
 * Reads a WAN name. A node name with dots is legal outside of a federation: then the last part
 * counts as the datacenter if the pool knows one of that name. Consul gives up on such names.
 */
export function readWanName(
  name: string,
  datacenters: { has(datacenter: string): boolean },
): WanName | undefined {
  const dot = name.lastIndexOf('.');
  if (dot < 0) return undefined;
  const node = name.slice(0, dot);
  const datacenter = name.slice(dot + 1);
  if (datacenter === '' || node === '') return undefined;
  if (node.includes('.') && !datacenters.has(datacenter)) return undefined;
  return { node, datacenter };
}

/** Consul's text for a name that leads nowhere. */
export function namelessText(name: string): string {
  return `node name does not encode a datacenter: ${name}`;
}
