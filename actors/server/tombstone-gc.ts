/** Binds the reaping of tombstones to the store and the log of commands. */

import { tombstoneGcMachine } from '../../machines/server/tombstone-gc.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import type { Log } from '../../src/log.ts';
import { TombstoneRequest } from '../../src/model/kv.ts';
import { newestTombstone } from '../../src/store/index.ts';
import type { Store } from '../../src/store/store.ts';

export interface TombstoneGcDeps {
  readonly log: Log;
  readonly datacenter: string;
  readonly store: Pick<Store, 'view'>;
  readonly raftApply: RaftApply;
}

export function createTombstoneGcActor(deps: TombstoneGcDeps) {
  const { datacenter, log, raftApply, store } = deps;
  return tombstoneGcMachine.provide({
    actions: {
      look: ({ self }) =>
        self.send({ type: 'tombstones.seen', newest: newestTombstone(store.view()) }),
      reap: ({ self }, { index }) => {
        const request = { Datacenter: datacenter, Op: 'reap', ReapIndex: index };
        raftApply(COMMAND_TYPES.Tombstone, TombstoneRequest, TombstoneRequest.of(request)).catch(
          (error: Error) => self.send({ type: 'reap.failed', error }),
        );
      },
      announceFailure: (_, { error }) =>
        log.error('failed to reap tombstones, will retry while leading', { error }),
    },
  });
}
