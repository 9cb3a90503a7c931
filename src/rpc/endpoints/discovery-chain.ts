/** `DiscoveryChain.Get` on a server. */

import { discoveryChain } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import { DISCOVERY_CHAIN_GET } from '../methods/discovery-chain.ts';
import { requireConnect } from './connect-ca.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead } from './read.ts';

export function discoveryChainEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(DISCOVERY_CHAIN_GET, async (request, origin) => {
      requireConnect(deps);
      if (request.Name === '') throw new RpcError('Must provide service name');
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = discoveryChain(reader, request, deps.datacenter);
        return { index, result: { Chain: result } };
      });
    }),
  ];
}
