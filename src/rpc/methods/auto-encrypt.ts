/** What is asked on a connection of type byte 7, by agents that have no certificate yet. */

import { CASignRequest, SignedResponse } from '../../model/connect-ca.ts';
import { bytes } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** Answers an agent's first certificate, and whom to trust. */
export const AUTO_ENCRYPT_SIGN: RpcMethod<CASignRequest, SignedResponse> = {
  name: 'AutoEncrypt.Sign',
  request: CASignRequest,
  reply: SignedResponse,
  routing: { to: 'here' },
};

/** Both ways one protobuf message, as bytes. */
export const AUTO_CONFIG_INITIAL: RpcMethod<Uint8Array | null, Uint8Array | null> = {
  name: 'AutoConfig.InitialConfiguration',
  request: bytes,
  reply: bytes,
  routing: { to: 'here' },
};
