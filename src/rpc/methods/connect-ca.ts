/** `ConnectCA.*`: the roots that services trust, and the intermediates of secondaries. */

import { DCSpecificRequest } from '../../model/blocks.ts';
import {
  CAConfiguration,
  CASignRequest,
  IndexedCARoots,
  IssuedCert,
} from '../../model/connect-ca.ts';
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

/** Answers the certificate of a service or an agent, without its key. */
export const CONNECT_CA_SIGN: RpcMethod<CASignRequest, IssuedCert> = {
  name: 'ConnectCA.Sign',
  request: CASignRequest,
  reply: IssuedCert,
};

export const CONNECT_CA_CONFIGURATION_GET: RpcMethod<DCSpecificRequest, CAConfiguration> = {
  name: 'ConnectCA.ConfigurationGet',
  request: DCSpecificRequest,
  reply: CAConfiguration,
};
