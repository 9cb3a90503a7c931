/**
 * `Intention.*` on a server. Secondaries of Consul 1.9 ask for the older table until nothing is left
 * in it, and only then take intentions for config entries.
 */

import { INTENTION_FIELDS } from '../../filter/fields.ts';
import { compileFilter } from '../../filter/filter.ts';
import type { Intention, IntentionQueryRequest } from '../../model/intention.ts';
import {
  decidingIntention,
  exactIntention,
  intentionById,
  intentions,
  legacyIntentions,
  matchingIntentions,
  type StoreReader,
} from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/intention.ts';
import { requireConnect } from './connect-ca.ts';
import type { EndpointDeps } from './deps.ts';
import { applyIntention } from './intention-write.ts';
import { answerRead } from './read.ts';

/** Callers compare the whole text. */
const NOT_FOUND = 'Intention not found';

export function intentionEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.INTENTION_APPLY, async (request) => {
      requireConnect(deps);
      return applyIntention(deps, request);
    }),

    serve(method.INTENTION_GET, async (request, origin) => {
      requireConnect(deps);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = wanted(reader, request);
        if (result === null) throw new RpcError(NOT_FOUND);
        return { index, result: { Intentions: [result], DataOrigin: '' } };
      });
    }),

    serve(method.INTENTION_LIST, async (request, origin) => {
      requireConnect(deps);
      const passes = compileFilter<Intention>(request.Filter, INTENTION_FIELDS);
      return answerRead(deps, request, origin, (reader) => {
        const legacy = legacyIntentions(reader);
        const DataOrigin = request.Legacy || legacy.result.length > 0 ? 'legacy' : 'config';
        const { index, result } = request.Legacy ? legacy : intentions(reader);
        return { index, result: { Intentions: result.filter(passes), DataOrigin } };
      });
    }),

    serve(method.INTENTION_MATCH, async (request, origin) => {
      requireConnect(deps);
      const side = request.Match?.Type ?? '';
      if (side !== 'source' && side !== 'destination') {
        throw new RpcError(`invalid intention match type: ${side}`);
      }
      const entries = request.Match?.Entries ?? [];
      return answerRead(deps, request, origin, (reader) => {
        const matches = entries.map(({ Name }) => matchingIntentions(reader, side, Name));
        const index = Math.max(1, ...matches.map((match) => match.index));
        return { index, result: { Matches: matches.map(({ result }) => result) } };
      });
    }),

    serve(method.INTENTION_CHECK, async ({ Check }) => {
      requireConnect(deps);
      if (Check === null) throw new RpcError('Check must be specified on args');
      if (Check.SourceType !== 'consul') {
        throw new RpcError(`unsupported SourceType: ${JSON.stringify(Check.SourceType)}`);
      }
      const pair = { source: Check.SourceName, destination: Check.DestinationName };
      return { Allowed: isAllowed(decidingIntention(deps.store.view(), pair).result) };
    }),
  ];
}

function wanted(reader: StoreReader, { IntentionID, Exact }: IntentionQueryRequest) {
  if (IntentionID !== '') return intentionById(reader, IntentionID);
  if (Exact === null) throw new RpcError('IntentionID or Exact must be specified');
  const pair = { source: Exact.SourceName, destination: Exact.DestinationName };
  return exactIntention(reader, pair);
}

/** Without ACLs, what nobody forbids is allowed; rules on requests count as a refusal here. */
function isAllowed(intention: Intention | null): boolean {
  if (intention === null) return true;
  return (intention.Permissions ?? []).length === 0 && intention.Action === 'allow';
}
