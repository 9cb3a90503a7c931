/** Messages and routes of the concern "raft". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface RaftMessages {}

export const RAFT_ROUTES = [] as const satisfies readonly RouteShape[];
