/** Messages and routes of the concern "store". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface StoreMessages {}

export const STORE_ROUTES = [] as const satisfies readonly RouteShape[];
