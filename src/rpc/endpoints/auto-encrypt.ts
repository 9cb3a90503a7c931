/**
 * What a server answers to agents without a certificate. Whoever is asked asks its leader, in the
 * ordinary way: servers have certificates.
 */

import { DCSpecificRequest } from '../../model/blocks.ts';
import { SignedResponse } from '../../model/connect-ca.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import { AUTO_CONFIG_INITIAL, AUTO_ENCRYPT_SIGN } from '../methods/auto-encrypt.ts';
import { CONNECT_CA_ROOTS, CONNECT_CA_SIGN } from '../methods/connect-ca.ts';
import { requireConnect } from './connect-ca.ts';
import type { EndpointDeps } from './deps.ts';

const NOT_ALLOWED = 'AutoEncrypt.AllowTLS must be enabled in order to use this endpoint';
const FOREIGN = 'insecure dialing prohibited between datacenters';
/** Consul's answer where no authorizer is configured. */
const NO_AUTO_CONFIG = 'Auto Config is disabled';

export function insecureEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(AUTO_ENCRYPT_SIGN, async (request) => {
      requireConnect(deps);
      const { autoEncrypt, datacenter, rpc } = deps;
      if (autoEncrypt === null) throw new RpcError(NOT_ALLOWED);
      if (request.Datacenter !== datacenter) throw new RpcError(FOREIGN);
      const roots = await rpc.call(
        CONNECT_CA_ROOTS,
        DCSpecificRequest.of({ Datacenter: datacenter }),
      );
      return SignedResponse.of({
        IssuedCert: await rpc.call(CONNECT_CA_SIGN, request),
        ConnectCARoots: roots,
        ManualCARoots: [...autoEncrypt.configuredCaPem()],
        VerifyServerHostname: autoEncrypt.verifiesServerHostname(),
      });
    }),

    serve(AUTO_CONFIG_INITIAL, async () => {
      throw new RpcError(NO_AUTO_CONFIG);
    }),
  ];
}
