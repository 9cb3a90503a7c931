/** Messages and routes of the concern "gateway". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface GatewayMessages {}

export const GATEWAY_ROUTES = [] as const satisfies readonly RouteShape[];
