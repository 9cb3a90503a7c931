/** The route table as a Mermaid flowchart: one arrow from actor to actor, with all it carries. */

import { routePairs } from './drawing/route-map.ts';
import type { RouteLine } from './stream.ts';

/** Message types that one arrow names; the others are counted, so that it can still be read. */
const NAMES_MAX = 1;

export function mermaidOf(routes: readonly RouteLine[]): string {
  const lines = routePairs(routes).map(({ from, to, routes: places }) => {
    const types = places.map((place) => routes[place]?.type ?? '');
    const named = types.slice(0, NAMES_MAX);
    const more = types.length - named.length;
    const text = [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('<br>');
    return `  ${idOf(from)}["${from}"] -- "${text}" --> ${idOf(to)}["${to}"]`;
  });
  return ['flowchart LR', ...lines].join('\n');
}

/** Mermaid takes letters and underscores only. */
function idOf(name: string): string {
  return name.replace(/[^a-z0-9]/g, '_');
}
