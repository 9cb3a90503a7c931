/** Whether a user event is meant for this agent: by the name of its node, its services and their tags. */

import { compilePattern } from '../model/pattern.ts';

/** Regular expressions; an empty one lets everything pass. */
export interface EventFilters {
  readonly nodeFilter: string;
  readonly serviceFilter: string;
  /** On the tags of services that pass. */
  readonly tagFilter: string;
}

export interface FilteredService {
  readonly ID: string;
  readonly Tags: readonly string[] | null;
}

/** An expression that cannot be read is meant for nobody. Services are matched by their IDs. */
export function isEventFor(
  { nodeFilter, serviceFilter, tagFilter }: EventFilters,
  node: string,
  services: Iterable<FilteredService>,
): boolean {
  if (nodeFilter !== '' && !matches(nodeFilter, node)) return false;
  if (serviceFilter === '') return true;
  for (const { ID, Tags } of services) {
    if (!matches(serviceFilter, ID)) continue;
    if (tagFilter === '' || (Tags ?? []).some((tag) => matches(tagFilter, tag))) return true;
  }
  return false;
}

function matches(expression: string, text: string): boolean {
  return compilePattern(expression)?.matches(text) ?? false;
}
