/** Which other datacenters a query asks when its own has nothing. */

import type { ServiceQuery } from '../model/prepared-query.ts';

/**
 * The nearest that the query wants, then those it names, in its order and without repetition.
 * `nearest` are all known ones but the own, nearest first; names that are not among them are left
 * out.
 */
export function failoverDatacenters(
  { NearestN, Datacenters }: ServiceQuery['Failover'],
  nearest: readonly string[],
): readonly string[] {
  const known = new Set(nearest);
  const named = (Datacenters ?? []).filter((name) => known.has(name));
  return [...new Set([...nearest.slice(0, Math.max(NearestN, 0)), ...named])];
}
