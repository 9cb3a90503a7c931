import { DCSpecificRequest } from '../../../../src/model/blocks.ts';
import { CATALOG_LIST_NODES } from '../../../../src/rpc/methods/catalog.ts';
import type { WholeFederation } from '../federation.ts';
import { DATACENTERS } from '../plan.ts';

/** Each server answers for each datacenter. */
export async function callsAnswered(federation: WholeFederation): Promise<string[]> {
  const faults: string[] = [];
  for (const { name, atWork } of federation.servers) {
    for (const dc of DATACENTERS) {
      const request = DCSpecificRequest.of({ Datacenter: dc });
      const answer = await atWork?.context.rpc.call(CATALOG_LIST_NODES, request).then(
        ({ Nodes }) => `${Nodes?.length} nodes`,
        (error: unknown) => String(error),
      );
      const wanted = `${federation.serversOf(dc).length} nodes`;
      if (answer !== wanted) faults.push(`${name} asks ${dc}: ${answer}`);
    }
  }
  return faults;
}
