/**
 * A child that fails takes what it had started with it. By itself xstate leaves the children of a
 * failed actor running, and what they hold (ports, timers, connections) in the way of the next start.
 */

import type { AnyActor, AnyActorLogic } from 'xstate';

/** `logic` that is told to stop before its failure goes to the supervisor. */
export function contained(logic: AnyActorLogic): AnyActorLogic {
  const own = Object.create(logic) as AnyActorLogic;
  const transition: AnyActorLogic['transition'] = (snapshot, event, scope) => {
    try {
      return logic.transition(snapshot, event, scope);
    } catch (error) {
      endQuietly(() => logic.transition(snapshot, STOP, scope));
      // What the stop itself defers is never run for an actor that has failed.
      const { children } = snapshot as { readonly children?: Readonly<Record<string, AnyActor>> };
      for (const child of Object.values(children ?? {})) endQuietly(() => scope.stopChild(child));
      throw error;
    }
  };
  Object.defineProperty(own, 'transition', { value: transition });
  return own;
}

const STOP = { type: 'xstate.stop' };

/** The failure that is already under way is the one that counts. */
function endQuietly(end: () => void): void {
  try {
    end();
  } catch {
    // Nothing more can be done for it.
  }
}
