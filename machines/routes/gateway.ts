/**
 * Messages of the built-in mesh gateway: what it knows comes from the watch, that it listens goes to
 * its registration.
 */

import type { GatewaySnapshot } from '../../src/gateway/snapshot.ts';
import type { Endpoint } from '../../src/world/world.ts';
import type { RouteShape } from './shape.ts';

export interface GatewayMessages {
  /** A complete picture; replaces the one before. */
  'gateway-snapshot.changed': { readonly snapshot: GatewaySnapshot };
  /** The gateway takes connections there. */
  'gateway.opened': { readonly endpoints: readonly Endpoint[] };
}

export const GATEWAY_ROUTES = [
  {
    from: 'proxy-watch',
    type: 'gateway-snapshot.changed',
    to: 'gateway',
    why: 'it routes by the latest picture of servers and gateways',
  },
  {
    from: 'gateway',
    type: 'gateway.opened',
    to: 'gateway-registration',
    why: 'only what listens is registered, so that its check passes at once',
  },
] as const satisfies readonly RouteShape[];
