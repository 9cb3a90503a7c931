/**
 * `Intention.List` on a server, for secondaries of Consul 1.9: they ask for the older table until
 * nothing is left in it, and only then take intentions for config entries.
 */

import { legacyIntentions } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import { INTENTION_LIST } from '../methods/intention.ts';
import { requireConnect } from './connect-ca.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead } from './read.ts';

export function intentionEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(INTENTION_LIST, async (request, origin) => {
      requireConnect(deps);
      if (!request.Legacy) throw new RpcError('only legacy intentions can be listed');
      return answerRead(deps, { ...request, Filter: '' }, origin, (reader) => {
        const { index, result } = legacyIntentions(reader);
        return { index, result: { Intentions: [...result], DataOrigin: 'legacy' } };
      });
    }),
  ];
}
