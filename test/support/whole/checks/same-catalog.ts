import type { WholeFederation } from '../federation.ts';
import { DATACENTERS } from '../plan.ts';
import { keysOf, nodesOf } from './stale-read.ts';

/** All servers of a datacenter have the same catalog and keys, indexes included. */
export async function sameCatalog(federation: WholeFederation): Promise<string[]> {
  const faults: string[] = [];
  for (const dc of DATACENTERS) {
    const seen = new Map<string, string[]>();
    for (const { name, atWork } of federation.serversOf(dc)) {
      if (atWork === undefined) continue;
      const content = [await nodesOf(atWork), await keysOf(atWork)];
      const text = JSON.stringify(content, (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      seen.set(text, [...(seen.get(text) ?? []), name]);
    }
    if (seen.size > 1) {
      faults.push(`the catalogs of ${[...seen.values()].join(' and ')} differ`);
    }
  }
  return faults;
}
