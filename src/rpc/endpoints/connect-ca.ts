/** `ConnectCA.*` on a server. Intermediates are signed in the primary datacenter only. */

import { signForSecondary } from '../../connect/authority.ts';
import { TRUST_DOMAIN } from '../../connect/certificates.ts';
import { signLeaf } from '../../connect/leaf.ts';
import { CAConfiguration } from '../../model/connect-ca.ts';
import { caConfiguration, caRoots } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import {
  CONNECT_CA_CONFIGURATION_GET,
  CONNECT_CA_ROOTS,
  CONNECT_CA_SIGN,
  CONNECT_CA_SIGN_INTERMEDIATE,
} from '../methods/connect-ca.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead } from './read.ts';

const NOT_ENABLED = 'Connect must be enabled in order to use this endpoint';
const NOT_PRIMARY = 'not the primary datacenter';

export function connectCaEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(CONNECT_CA_ROOTS, async (request, origin) => {
      requireConnect(deps);
      const answer = await answerRead(deps, request, origin, (reader) => {
        const { index, result } = caRoots(reader);
        const { ClusterID = '' } = caConfiguration(reader).result ?? {};
        return {
          index,
          result: {
            ActiveRootID: result.find((root) => root.Active)?.ID ?? '',
            TrustDomain: ClusterID === '' ? '' : `${ClusterID}.${TRUST_DOMAIN}`,
            Roots: result.map((root) => ({ ...root, SigningCert: '', SigningKey: '' })),
          },
        };
      });
      return { ...answer, KnownLeader: false, LastContact: 0 };
    }),

    serve(CONNECT_CA_SIGN, async (request) => {
      requireConnect(deps);
      return signLeaf({ ...deps, primary: deps.connect.primary }, request.CSR);
    }),

    serve(CONNECT_CA_CONFIGURATION_GET, async () => {
      requireConnect(deps);
      return caConfiguration(deps.store.view()).result ?? CAConfiguration.zero();
    }),

    serve(CONNECT_CA_SIGN_INTERMEDIATE, async (request) => {
      requireConnect(deps);
      if (!deps.connect.primary) throw new RpcError(NOT_PRIMARY);
      return signForSecondary(deps, request.CSR);
    }),
  ];
}

/** Throws for endpoints of the mesh when there is none. */
export function requireConnect(deps: EndpointDeps): void {
  if (!deps.connect.enabled) throw new RpcError(NOT_ENABLED);
}
