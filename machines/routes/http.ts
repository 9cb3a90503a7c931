/** Messages and routes of the concern "http". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface HttpMessages {}

export const HTTP_ROUTES = [] as const satisfies readonly RouteShape[];
