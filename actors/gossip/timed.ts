/** Puts the time on every event of a machine that knows no clock, and tells when it is stopped. */

import type { AnyStateMachine, EventObject, InputFrom } from 'xstate';

export interface TimedHost<M extends AnyStateMachine> {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** The actor has been stopped or has failed: timers and streams have to go. */
  stopped(): void;
  /** Input of a start: the configured one, with what an earlier run has learned. */
  resume(input: InputFrom<M>): InputFrom<M>;
}

/** The machine as it is, but each event reaches it with `nowMs`. */
export function timed<M extends AnyStateMachine>(machine: M, host: TimedHost<M>): M {
  const logic = Object.create(machine) as M;
  const transition: M['transition'] = (snapshot, event, scope) => {
    if (event.type === 'xstate.stop') host.stopped();
    const stamped = { ...event, nowMs: host.nowMs() } as EventObject;
    return machine.transition(snapshot, stamped, scope);
  };
  const getInitialSnapshot: M['getInitialSnapshot'] = (scope, input) =>
    machine.getInitialSnapshot(scope, host.resume(input as InputFrom<M>));
  Object.defineProperties(logic, {
    transition: { value: transition },
    getInitialSnapshot: { value: getInitialSnapshot },
  });
  return logic;
}
