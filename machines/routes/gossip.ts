/** Messages and routes of the concern "gossip". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface GossipMessages {}

export const GOSSIP_ROUTES = [] as const satisfies readonly RouteShape[];
