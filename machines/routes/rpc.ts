/** Messages and routes of the concern "rpc". */

import type { RouteShape } from './shape.ts';

// biome-ignore lint/suspicious/noEmptyInterface: filled when the concern lands
export interface RpcMessages {}

export const RPC_ROUTES = [] as const satisfies readonly RouteShape[];
