/** Messages and routes of the concern "supervision". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface SupervisionMessages {}

export const SUPERVISION_ROUTES = [] as const satisfies readonly RouteShape[];
