/** Follows what the own store says of mesh gateways, for as long as it is wanted. */

import { fromCallback } from 'xstate';
import type { FederationStatesChanged } from '../../machines/federation/gateway-locator.types.ts';
import { GATEWAY_KIND } from '../../src/federation/gateway-addresses.ts';
import { serviceDumpByKind } from '../../src/store/read/health.ts';
import { federationStates } from '../../src/store/read/other.ts';
import type { StoreSource } from '../../src/store/store.ts';
import { WatchingReader } from '../../src/store/view.ts';
import { WatchSet } from '../../src/store/watch.ts';

/** An actor that sends `federation-states.changed` at once and whenever any of it has changed. */
export function createStoreWatch(store: StoreSource) {
  return fromCallback(({ sendBack }) => {
    let unwatch = (): void => {};
    let stopped = false;
    const read = (): void => {
      if (stopped) return;
      const watches = new WatchSet();
      const reader = new WatchingReader(store.view(), watches);
      const changed: FederationStatesChanged = {
        type: 'federation-states.changed',
        records: federationStates(reader).result,
        ownGateways: serviceDumpByKind(reader, GATEWAY_KIND).result,
      };
      // The store wakes its watchers while it publishes: what they do must come after that.
      unwatch = store.watch(watches, () => queueMicrotask(read));
      sendBack(changed);
    };
    read();
    return () => {
      stopped = true;
      unwatch();
    };
  });
}
