/** Messages and routes of the concern "federation". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface FederationMessages {}

export const FEDERATION_ROUTES = [] as const satisfies readonly RouteShape[];
