/** `DiscoveryChain.*` */

import { DiscoveryChainRequest, DiscoveryChainResponse } from '../../model/discovery-chain.ts';
import type { RpcMethod } from '../method.ts';

export const DISCOVERY_CHAIN_GET: RpcMethod<DiscoveryChainRequest, DiscoveryChainResponse> = {
  name: 'DiscoveryChain.Get',
  request: DiscoveryChainRequest,
  reply: DiscoveryChainResponse,
};
