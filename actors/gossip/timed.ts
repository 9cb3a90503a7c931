/** Puts the time on every event of a machine that knows no clock, and tells when it is stopped. */

import type { AnyStateMachine, EventObject } from 'xstate';

export interface TimedHost {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** The actor has been stopped or has failed: timers and streams have to go. */
  stopped(): void;
}

/** The machine as it is, but each event reaches it with `nowMs`. */
export function timed<M extends AnyStateMachine>(machine: M, host: TimedHost): M {
  const logic = Object.create(machine) as M;
  const transition: M['transition'] = (snapshot, event, scope) => {
    if (event.type === 'xstate.stop') host.stopped();
    const stamped = { ...event, nowMs: host.nowMs() } as EventObject;
    return machine.transition(snapshot, stamped, scope);
  };
  Object.defineProperty(logic, 'transition', { value: transition });
  return logic;
}
