/** Messages and routes of the state machine. */

import type { StoreView } from '../../src/store/view.ts';
import type { RouteShape } from './shape.ts';

export interface StoreMessages {
  /**
   * A batch of commands was applied, or the state was restored. Who waits for certain rows watches
   * the store itself; this is for who wants to see every version.
   */
  'store.changed': { readonly view: StoreView; readonly because: 'applied' | 'restored' };
}

export const STORE_ROUTES = [
  { from: 'fsm', type: 'store.changed', to: 'server', why: 'the newest version of the state' },
] as const satisfies readonly RouteShape[];
