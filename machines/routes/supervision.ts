/** Messages and routes of supervision: what comes from the process itself. */

import type { RouteShape } from './shape.ts';

export interface SupervisionMessages {
  /** The operator or the system wants the process to end. */
  'shutdown.requested': { readonly signal: 'SIGINT' | 'SIGTERM' };
  /** The operator wants the configuration read again (SIGHUP). */
  'reload.requested': { readonly signal: 'SIGHUP' };
}

export const SUPERVISION_ROUTES = [
  {
    from: 'process',
    type: 'shutdown.requested',
    to: 'agent',
    why: 'a signal starts the shutdown in tree order: leave, flush, close',
  },
  {
    from: 'process',
    type: 'reload.requested',
    to: 'agent',
    why: 'SIGHUP reads the configuration again',
  },
] as const satisfies readonly RouteShape[];
