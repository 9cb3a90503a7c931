/** Which instances a prepared query may answer with. */

import type { CheckServiceNode } from '../model/catalog.ts';
import { HEALTH_CRITICAL, HEALTH_PASSING } from '../model/health-check.ts';
import type { ServiceQuery } from '../model/prepared-query.ts';
import { checkServiceNodes, hasMeta } from '../store/index.ts';
import type { StoreReader } from '../store/view.ts';

/** Instances that are healthy enough and fit the query, in the order of the catalog. */
export function queryInstances(
  reader: StoreReader,
  query: ServiceQuery,
  connect: boolean,
): readonly CheckServiceNode[] {
  const { result } = checkServiceNodes(reader, {
    service: query.Service,
    connect: connect || query.Connect,
    nodeMeta: query.NodeMeta,
  });
  const tags = tagRules(query.Tags ?? []);
  return result.filter(
    (one) =>
      isHealthy(one, query) &&
      hasMeta(one.Service?.Meta ?? null, query.ServiceMeta) &&
      fitsTags(one, tags),
  );
}

function isHealthy(
  { Checks }: CheckServiceNode,
  { OnlyPassing, IgnoreCheckIDs }: ServiceQuery,
): boolean {
  return (Checks ?? []).every(({ CheckID, Status }) => {
    if (IgnoreCheckIDs?.includes(CheckID)) return true;
    return OnlyPassing ? Status === HEALTH_PASSING : Status !== HEALTH_CRITICAL;
  });
}

interface TagRules {
  readonly must: readonly string[];
  readonly not: readonly string[];
}

/** All tags must be there, those with `!` before them must not; in any case of letters. */
function tagRules(tags: readonly string[]): TagRules {
  const lower = tags.map((tag) => tag.toLowerCase());
  return {
    must: lower.filter((tag) => !tag.startsWith('!')),
    not: lower.filter((tag) => tag.startsWith('!')).map((tag) => tag.slice(1)),
  };
}

function fitsTags({ Service }: CheckServiceNode, { must, not }: TagRules): boolean {
  const tags = new Set((Service?.Tags ?? []).map((tag) => tag.toLowerCase()));
  return must.every((tag) => tags.has(tag)) && !not.some((tag) => tags.has(tag));
}
