/** Everything a server answers over RPC, bound to what it needs. */

import type { ServedMethod } from '../method.ts';
import { aclEndpoints } from './acl.ts';
import { catalogEndpoints } from './catalog.ts';
import { configEntryEndpoints } from './config-entry.ts';
import { connectCaEndpoints } from './connect-ca.ts';
import type { EndpointDeps } from './deps.ts';
import { discoveryChainEndpoints } from './discovery-chain.ts';
import { federationStateEndpoints } from './federation-state.ts';
import { healthEndpoints } from './health.ts';
import { intentionEndpoints } from './intention.ts';
import { coordinateEndpoints, internalEndpoints } from './internal.ts';
import { keyringEndpoints } from './keyring.ts';
import { kvsEndpoints } from './kvs.ts';
import { operatorEndpoints } from './operator.ts';
import { preparedQueryEndpoints } from './prepared-query.ts';
import { sessionEndpoints } from './session.ts';
import { statusEndpoints } from './status.ts';
import { txnEndpoints } from './txn.ts';

export type { EndpointDeps } from './deps.ts';

export function serverEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    ...aclEndpoints(),
    ...catalogEndpoints(deps),
    ...healthEndpoints(deps),
    ...kvsEndpoints(deps),
    ...sessionEndpoints(deps),
    ...txnEndpoints(deps),
    ...preparedQueryEndpoints(deps),
    ...statusEndpoints(deps),
    ...operatorEndpoints(deps),
    ...federationStateEndpoints(deps),
    ...internalEndpoints(deps),
    ...keyringEndpoints(deps),
    ...coordinateEndpoints(deps),
    ...configEntryEndpoints(deps),
    ...connectCaEndpoints(deps),
    ...intentionEndpoints(deps),
    ...discoveryChainEndpoints(deps),
  ];
}
