/** Binds the state machine to its store: the only place from which the store is written. */

import { type FsmInternalEvent, fsmMachine } from '../machines/fsm.ts';
import type { Post } from '../machines/routes.ts';
import { toError } from '../src/error-text.ts';
import type { Fsm } from '../src/fsm/fsm.ts';
import type { LockDelays } from '../src/store/lock-delays.ts';

export interface FsmDeps {
  readonly post: Post<'fsm'>;
  readonly fsm: Fsm;
  /** Told of the keys whose sessions ended; the leader asks it before it lets a key be locked. */
  readonly lockDelays: LockDelays;
}

const RESTORING = 'the state is being restored';

/**
 * Start it with the systemId `fsm`, before raft, and raft again whenever it is started again: raft
 * knows what was applied only for as long as it lives. Fails when a command is unknown.
 */
export function createFsmActor(deps: FsmDeps): typeof fsmMachine {
  const { post, fsm, lockDelays } = deps;
  let startedBefore = false;
  return fsmMachine.provide({
    actions: {
      startEmpty: () => {
        if (startedBefore) fsm.reset();
        startedBefore = true;
      },
      applyBatches: (_, { batches }) => {
        for (const { entries, throughIndex } of batches) {
          const { responses, effects } = fsm.apply(entries, throughIndex);
          for (const delay of effects.lockDelays) lockDelays.begin(delay);
          post.send('raft', { type: 'entries.applied', throughIndex, responses });
          if (entries.length === 0) continue;
          const view = fsm.store.view();
          post.send('server', { type: 'store.changed', view, because: 'applied' });
        }
      },
      freeze: (_, { reply }) => {
        const index = fsm.store.view().appliedIndex;
        reply.answer({ index, chunks: slices(fsm.freeze()), release: () => {} });
      },
      refuseFreeze: (_, { reply }) => reply.refuse(new Error(RESTORING)),
      restore: ({ self }, { index, chunks }) => {
        const tell = (event: FsmInternalEvent): void => self.send(event);
        fsm.restore(chunks, index).then(
          () => tell({ type: 'restore.done', view: fsm.store.view() }),
          (error: unknown) => tell({ type: 'restore.failed', error: toError(error) }),
        );
      },
      refuseRestore: (_, { reply }) => reply.refuse(new Error(RESTORING)),
      answerRestore: (_, { reply, view }) => {
        lockDelays.clear();
        reply?.answer(null);
        post.send('server', { type: 'store.changed', view, because: 'restored' });
      },
      failRestore: (_, { reply, error }) => {
        reply?.refuse(new Error(`failed to restore snapshot: ${error.message}`, { cause: error }));
      },
    },
  });
}

/** A view encodes itself slice by slice, whenever its reader is ready for more. */
async function* slices(state: Generator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* state;
}
