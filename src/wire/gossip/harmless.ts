/**
 * What real members die of. Queries are passed on from member to member as they came, so that one
 * such query would end every serf 0.9 and Consul 1.9 of a pool (gossip.md 3.7 and 3.10): it is
 * refused when read and cannot be written.
 */

import type { Query } from './serf.ts';

/** Names of the key queries, whose payload real members decode without looking for one. */
export const KEY_QUERY = {
  install: '_serf_install-key',
  use: '_serf_use-key',
  remove: '_serf_remove-key',
  list: '_serf_list-keys',
} as const;

const KEY_QUERIES: ReadonlySet<string> = new Set(Object.values(KEY_QUERY));

/** Why no member may be given this query, or null. */
export function harmOfQuery(query: Pick<Query, 'Name' | 'Payload' | 'Filters'>): string | null {
  const { Name, Payload, Filters } = query;
  if ((Filters ?? []).some((filter) => filter === null || filter.length === 0)) {
    return `the query "${Name}" has an empty filter`;
  }
  if (KEY_QUERIES.has(Name) && (Payload === null || Payload.length === 0)) {
    return `the query "${Name}" has no payload`;
  }
  return null;
}
