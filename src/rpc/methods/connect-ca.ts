/** `ConnectCA.*`: the roots that services trust. */

import { DCSpecificRequest } from '../../model/blocks.ts';
import { IndexedCARoots } from '../../model/connect-ca.ts';
import type { RpcMethod } from '../method.ts';

/** The reply never tells a known leader or a last contact: Consul overwrites both. */
export const CONNECT_CA_ROOTS: RpcMethod<DCSpecificRequest, IndexedCARoots> = {
  name: 'ConnectCA.Roots',
  request: DCSpecificRequest,
  reply: IndexedCARoots,
};
