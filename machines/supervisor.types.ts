/** What a supervisor is given, knows and shows. Terms as in Erlang/OTP. */

import type { AnyActorLogic } from 'xstate';

export interface ChildSpec {
  /** Also the child's `systemId`. */
  readonly id: string;
  readonly logic: AnyActorLogic;
  readonly input?: unknown;
  /**
   * `permanent`: started again whenever it ends; `transient`: only when it failed; `temporary`: never.
   */
  readonly restart: 'permanent' | 'transient' | 'temporary';
  /**
   * Time between the event `shutdown` and being stopped by force. 0 stops it by force at once, for
   * children that cannot finish by themselves.
   */
  readonly shutdownMs: number;
  /**
   * When given, the next child starts only after this one has sent `child.ready` to its parent; not
   * doing so within this time is a failure.
   */
  readonly readyWithinMs?: number;
}

/**
 * Which children are stopped and started again with a failed one: it alone, all, or it and those
 * that were started after it.
 */
export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

export interface SupervisorInput {
  /** Started in this order, stopped in reverse. */
  readonly children: readonly ChildSpec[];
  readonly strategy: Strategy;
  /**
   * Restarts allowed within `periodMs`; one more and the supervisor itself fails. A `FatalError` is
   * never followed by a restart.
   */
  readonly intensity: number;
  readonly periodMs: number;
  /** Pause before a restart: the first, doubled with each recent restart, up to the second. */
  readonly backoffMs: readonly [number, number];
}

export type ChildStatus =
  /** Not started yet, or to be started again. */
  | 'waiting'
  /** Started; its report is awaited. */
  | 'starting'
  | 'running'
  /** Asked to finish. */
  | 'stopping'
  /** Ended as it should. */
  | 'finished'
  /** Failed and is not to be started again. */
  | 'failed';

/** One child in the supervisor's view. */
export interface ChildView {
  readonly id: string;
  readonly status: ChildStatus;
  readonly restarts: number;
  /** Message of its latest failure. */
  readonly lastError?: string;
}

export interface SupervisorContext extends SupervisorInput {
  /** The view: one entry for each child, in order. */
  readonly view: readonly ChildView[];
  /** Ids to stop, in this order. */
  readonly toStop: readonly string[];
  /** Ids to start, in this order. */
  readonly toStart: readonly string[];
  /** Restarts within the latest period. */
  readonly recentRestarts: number;
  readonly paused: boolean;
  /** `end`: a shutdown was asked for; `fail`: too many restarts. */
  readonly goal: 'run' | 'end' | 'fail';
  /** Why the supervisor fails. */
  readonly failure?: unknown;
}

export type SupervisorEvent =
  | { readonly type: 'shutdown' }
  | { readonly type: 'child.ready'; readonly id: string }
  | { readonly type: 'restart.forgotten' }
  | { readonly type: 'xstate.done.actor.*'; readonly actorId: string }
  | { readonly type: 'xstate.error.actor.*'; readonly actorId: string; readonly error: unknown };
