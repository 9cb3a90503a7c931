/**
 * Pure stepping through a machine: no actor, no clock, no side effect.
 *
 * xstate's own `transition()` builds a whole actor and system at each call. This calls the machine's
 * public logic with one inert scope instead, which is three to four times faster and hands out the
 * effects as data: custom actions by name with their params, and `xstate.sendTo`, `xstate.raise`,
 * `xstate.spawnChild`, `xstate.stopChild`, … for the built-in ones.
 */

import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';

/** An effect that the machine asked for. */
export interface Effect {
  readonly type: string;
  readonly params: unknown;
}

/** A transition of the chart, as xstate resolved it. The reference is its identity. */
export interface TransitionTaken {
  readonly eventType: string;
  readonly source: { readonly id: string };
}

export interface Step {
  readonly snapshot: AnyMachineSnapshot;
  readonly effects: readonly Effect[];
  readonly taken: readonly TransitionTaken[];
}

export interface Stepper {
  /** The initial snapshot. Throws what the context factory threw. */
  start(input?: unknown): Step;
  /** Throws what an action, a guard or a reducer threw. */
  next(snapshot: AnyMachineSnapshot, event: EventObject): Step;
}

const nothing = (): void => {};

interface Microstep {
  readonly type: string;
  readonly _transitions?: readonly TransitionTaken[];
}

/** A stepper of one machine. Not re-entrant. */
export function createStepper(machine: AnyStateMachine): Stepper {
  let effects: Effect[] = [];
  let taken: TransitionTaken[] = [];
  const scope = inertScope(
    (effect) => effects.push(effect),
    (step) => taken.push(...(step._transitions ?? [])),
  );
  const run = (move: () => AnyMachineSnapshot): Step => {
    effects = [];
    taken = [];
    const snapshot = move();
    if (snapshot.status === 'error') throw snapshot.error;
    return { snapshot, effects, taken };
  };
  return {
    start: (input) => run(() => machine.getInitialSnapshot(scope, input)),
    next: (snapshot, event) => run(() => machine.transition(snapshot, event, scope)),
  };
}

function inertScope(
  effect: (effect: Effect) => void,
  microstep: (step: Microstep) => void,
): AnyActorScope {
  let ids = 0;
  const system = {
    _snapshot: { _scheduledEvents: {} },
    _bookId: () => `inert:${ids++}`,
    _register: (sessionId: string) => sessionId,
    _unregister: nothing,
    _set: nothing,
    _relay: nothing,
    _sendInspectionEvent: (event: Microstep) => {
      if (event.type === '@xstate.microstep') microstep(event);
    },
    _clock: { setTimeout: nothing, clearTimeout: nothing },
    _logger: nothing,
    get: nothing,
    getAll: () => ({}),
    inspect: () => ({ unsubscribe: nothing }),
    scheduler: { schedule: nothing, cancel: nothing, cancelAll: nothing },
    getSnapshot: () => ({ _scheduledEvents: {} }),
    start: nothing,
  };
  const self = {
    id: 'machine',
    sessionId: 'inert',
    system,
    send: nothing,
    start: nothing,
    on: () => ({ unsubscribe: nothing }),
    subscribe: () => ({ unsubscribe: nothing }),
  };
  return {
    self,
    id: 'machine',
    sessionId: 'inert',
    system,
    logger: nothing,
    defer: nothing,
    stopChild: nothing,
    emit: nothing,
    actionExecutor: (action: { type: string; params: unknown }) =>
      effect({ type: action.type, params: action.params }),
  } as unknown as AnyActorScope;
}
