import { wanAddress } from '../../../../src/federation/gateway-addresses.ts';
import type { WholeFederation } from '../federation.ts';
import { DATACENTERS } from '../plan.ts';
import { federationStatesOf } from './stale-read.ts';

/** Every server has the record of every datacenter, and it names the gateways as they are. */
export async function federationStatesTrue(federation: WholeFederation): Promise<string[]> {
  const faults: string[] = [];
  for (const { name, atWork } of federation.servers) {
    if (atWork === undefined) continue;
    const states = await federationStatesOf(atWork);
    for (const dc of DATACENTERS) {
      const state = states.find(({ Datacenter }) => Datacenter === dc);
      const known = (state?.MeshGateways ?? []).map(wanAddress).sort().join();
      const truth = federation
        .gatewaysOf(dc)
        .map(({ addresses }) => `${addresses.wan}:443`)
        .sort()
        .join();
      if (known !== truth) faults.push(`${name} has gateways ${known || 'none'} of ${dc}`);
    }
  }
  return faults;
}
