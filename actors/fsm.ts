/** Binds the state machine to its store: the only place from which the store is written. */

import { appliedShortly, type FsmInternalEvent, fsmMachine } from '../machines/fsm.ts';
import type { Message } from '../machines/messages.ts';
import type { Post } from '../machines/routes.ts';
import { withShortWay } from '../machines/short-way.ts';
import { toError } from '../src/error-text.ts';
import type { Fsm } from '../src/fsm/fsm.ts';
import type { LockDelays } from '../src/store/lock-delays.ts';
import { paced, TURN_MS } from '../src/world/turns.ts';
import type { Clock } from '../src/world/world.ts';

export interface FsmDeps {
  readonly post: Post<'fsm'>;
  readonly fsm: Fsm;
  /** Told of the keys whose sessions ended; the leader asks it before it lets a key be locked. */
  readonly lockDelays: LockDelays;
  readonly clock: Clock;
}

const RESTORING = 'the state is being restored';

/**
 * Start it with the systemId `fsm`, before raft, and raft again whenever it is started again: raft
 * knows what was applied only for as long as it lives. Fails when a command is unknown.
 */
export function createFsmActor(deps: FsmDeps): typeof fsmMachine {
  const { post, fsm, lockDelays, clock } = deps;
  let startedBefore = false;
  let workedMs = 0;
  /** Raft has the next batch ready: after a while of them others have a turn before that. */
  const answer = (message: Message<'entries.applied'>): void => {
    if (workedMs < TURN_MS) {
      post.send('raft', message);
      return;
    }
    workedMs = 0;
    clock.setTimeout(() => post.send('raft', message), 0);
  };
  const machine = fsmMachine.provide({
    actions: {
      startEmpty: () => {
        if (startedBefore) fsm.reset();
        startedBefore = true;
      },
      applyBatches: (_, { batches }) => {
        for (const { entries, throughIndex } of batches) {
          const beganMs = clock.monotonic();
          const { responses, effects } = fsm.apply(entries, throughIndex);
          workedMs += clock.monotonic() - beganMs;
          for (const delay of effects.lockDelays) lockDelays.begin(delay);
          answer({ type: 'entries.applied', throughIndex, responses });
        }
      },
      freeze: (_, { reply }) => {
        const { index, chunks } = fsm.freeze();
        reply.answer({ index, chunks: paced(chunks, clock), release: () => {} });
      },
      refuseFreeze: (_, { reply }) => reply.refuse(new Error(RESTORING)),
      restore: ({ self }, { index, chunks }) => {
        const tell = (event: FsmInternalEvent): void => self.send(event);
        fsm.restore(paced(chunks, clock), index).then(
          () => tell({ type: 'restore.done' }),
          (error: unknown) => tell({ type: 'restore.failed', error: toError(error) }),
        );
      },
      refuseRestore: (_, { reply }) => reply.refuse(new Error(RESTORING)),
      answerRestore: (_, { reply }) => {
        lockDelays.clear();
        reply?.answer(null);
      },
      failRestore: (_, { reply, error }) => {
        reply?.refuse(new Error(`failed to restore snapshot: ${error.message}`, { cause: error }));
      },
    },
  });
  return withShortWay(machine, appliedShortly);
}
