/** Binds the support latch to the store, and to those who read it. */

import { federationSupportMachine } from '../../machines/federation/federation-support.ts';
import type { SupportLatch } from '../../src/federation/support.ts';
import type { Log } from '../../src/log.ts';
import type { StoreSource } from '../../src/store/store.ts';
import { createStoreWatch } from './store-watch.ts';

export interface FederationSupportDeps {
  readonly log: Log;
  readonly store: StoreSource;
  /** Written by this actor alone; outlives it. */
  readonly latch: { latched: boolean };
}

/** A latch to be shared by the actor, the endpoints and the duties. */
export function createSupportLatch(): { latched: boolean } & SupportLatch {
  return { latched: false };
}

export function createFederationSupportActor(
  deps: FederationSupportDeps,
): typeof federationSupportMachine {
  const { log, store, latch } = deps;
  return federationSupportMachine.provide({
    actors: { storeWatch: createStoreWatch(store) },
    actions: {
      latch: (_, { because }) => {
        if (!latch.latched) log.info('federation states are supported from now on', { because });
        latch.latched = true;
      },
    },
  });
}
