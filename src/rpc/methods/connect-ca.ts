/** `ConnectCA.*`: the roots that services trust, and the intermediates of secondaries. */

import { DCSpecificRequest } from '../../model/blocks.ts';
import { CASignRequest, IndexedCARoots } from '../../model/connect-ca.ts';
import { str } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** The reply never tells a known leader or a last contact: Consul overwrites both. */
export const CONNECT_CA_ROOTS: RpcMethod<DCSpecificRequest, IndexedCARoots> = {
  name: 'ConnectCA.Roots',
  request: DCSpecificRequest,
  reply: IndexedCARoots,
};

/** Answers the PEM text of the signed intermediate. */
export const CONNECT_CA_SIGN_INTERMEDIATE: RpcMethod<CASignRequest, string> = {
  name: 'ConnectCA.SignIntermediate',
  request: CASignRequest,
  reply: str,
};
