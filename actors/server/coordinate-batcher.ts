/** Binds the batcher of coordinates to the log of commands. */

import { coordinateBatcherMachine } from '../../machines/server/coordinate-batcher.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import type { Log } from '../../src/log.ts';
import { type Coordinate, Coordinates } from '../../src/model/coordinate.ts';

export interface CoordinateBatcherDeps {
  readonly log: Log;
  readonly raftApply: RaftApply;
}

export function createCoordinateBatcherActor({ log, raftApply }: CoordinateBatcherDeps) {
  return coordinateBatcherMachine.provide({
    actions: {
      writeBatches: ({ self }, { batches }) => {
        writeAll(raftApply, batches).then(
          () => self.send({ type: 'batches.written' }),
          (error) => self.send({ type: 'batches.failed', error }),
        );
      },
      announceDropped: (_, { dropped }) =>
        log.warn('Discarding coordinate updates', { number_discarded: dropped }),
      announceFailure: (_, { error }) => log.warn('Batch update failed', { error }),
    },
  });
}

async function writeAll(
  raftApply: RaftApply,
  batches: readonly (readonly Coordinate[])[],
): Promise<void> {
  for (const batch of batches) {
    await raftApply(COMMAND_TYPES.CoordinateBatchUpdate, Coordinates, batch);
  }
}
