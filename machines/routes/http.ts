/** Messages between the HTTP door and what it shows of the agent. */

import type { CheckDefinition, LocalService, LocalView } from '../../src/local/definitions.ts';
import type { Reply } from '../messages.ts';
import type { RouteShape } from './shape.ts';

export interface HttpMessages {
  /** Add or replace a service with its checks; `replace` drops its other checks. */
  'local-service.register': {
    readonly service: LocalService;
    readonly checks: readonly CheckDefinition[];
    readonly others: 'keep' | 'replace';
    readonly reply: Reply<null>;
  };
  /** What is not there is fine. */
  'local-service.deregister': { readonly id: string; readonly reply: Reply<null> };
  /** Refused when its service does not exist. */
  'local-check.register': { readonly definition: CheckDefinition; readonly reply: Reply<null> };
  'local-check.deregister': { readonly id: string; readonly reply: Reply<null> };
  /** A client's word on a TTL check; refused when there is none of this id. */
  'local-check.feed': {
    readonly id: string;
    readonly status: string;
    readonly output: string;
    readonly reply: Reply<null>;
  };
  'local-view.changed': { readonly view: LocalView };
  /** Heard of a new leader in the datacenter, by its node name. */
  'leader.heard-of': { readonly node: string };
}

export const HTTP_ROUTES = [
  { from: 'http', type: 'local-service.register', to: 'local-services', why: 'a client registers' },
  {
    from: 'http',
    type: 'local-service.deregister',
    to: 'local-services',
    why: 'a client takes a service back',
  },
  {
    from: 'http',
    type: 'local-check.register',
    to: 'local-services',
    why: 'a client adds a check',
  },
  {
    from: 'http',
    type: 'local-check.deregister',
    to: 'local-services',
    why: 'a client takes a check back',
  },
  { from: 'http', type: 'local-check.feed', to: 'local-services', why: 'a TTL check is fed' },
  {
    from: 'local-services',
    type: 'local-view.changed',
    to: 'http',
    why: 'what the agent answers about its own services and checks',
  },
  {
    from: 'gossip.lan',
    type: 'lan-members.changed',
    to: 'local-services',
    why: 'a joined server is told everything soon; the pool size spreads full syncs',
  },
  {
    from: 'agent',
    type: 'leader.heard-of',
    to: 'local-services',
    why: 'what a catalog without a leader missed is told soon',
  },
] as const satisfies readonly RouteShape[];
