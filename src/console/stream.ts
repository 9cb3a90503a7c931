/**
 * What the console streams, one JSON object each.
 *
 * The three `@xstate.*` shapes are those that Stately's inspector takes from a WebSocket, so that it
 * can look in as well. What it does not know carries our own prefix and goes to our page only.
 */

/** The version of the inspection protocol whose shapes these are. */
export const PROTOCOL_VERSION = '0.7.2';

/** A value that JSON can carry. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

interface Inspection {
  readonly sessionId: string;
  readonly rootId: string;
  /** Milliseconds since the Unix epoch, as text. */
  readonly createdAt: string;
  readonly id: string;
  readonly _version: string;
}

export interface ActorSnapshot {
  readonly status: string;
  /** State of a machine; absent for other actors. */
  readonly value?: Json;
  readonly context?: Json;
  readonly output?: Json;
  readonly error?: Json;
}

export interface ActorAppeared extends Inspection {
  readonly type: '@xstate.actor';
  readonly name: string;
  readonly parentId: string | null;
  readonly snapshot: ActorSnapshot;
  /** The machine as JSON text. Only for Stately's inspector; ours knows the machine's name. */
  readonly definition?: string;
  /** Name in the actor system, and id of its machine. */
  readonly systemId: string | null;
  readonly machine: string | null;
}

export interface EventReceived extends Inspection {
  readonly type: '@xstate.event';
  readonly event: { readonly type: string; readonly [key: string]: Json };
  readonly sourceId: string | null;
}

export interface SnapshotChanged extends Inspection {
  readonly type: '@xstate.snapshot';
  readonly event: { readonly type: string };
  readonly snapshot: ActorSnapshot;
}

/** What a message of the route table was, beside the `@xstate.event` that it may have become. */
export interface MessageSent {
  readonly type: '@mobius.message';
  readonly id: string;
  readonly createdAt: string;
  readonly from: string;
  readonly to: string;
  readonly event: { readonly type: string; readonly [key: string]: Json };
  /** The actor that received it; null when nobody did, or a receiver that is no actor. */
  readonly sessionId: string | null;
}

export interface RouteLine {
  readonly from: string;
  readonly type: string;
  readonly to: string;
  readonly why: string;
}

/** First message to a page, and again when it has missed too much: forget everything before. */
export interface Hello {
  readonly type: '@mobius.hello';
  readonly name: string;
  readonly version: string;
  readonly pid: number;
  /** Pages of other processes. */
  readonly neighbours: readonly { readonly name: string; readonly url: string }[];
  readonly routes: readonly RouteLine[];
  readonly charts: readonly Chart[];
}

export interface Supervision {
  readonly type: '@mobius.supervision';
  readonly sessionId: string;
  readonly strategy: string;
  readonly intensity: number;
  readonly recentRestarts: number;
  readonly children: readonly SupervisedChild[];
}

export interface SupervisedChild {
  readonly id: string;
  readonly status: string;
  readonly restarts: number;
  readonly lastError?: string;
}

/** An actor has ended and is gone from the tree. */
export interface ActorEnded {
  readonly type: '@mobius.ended';
  readonly sessionId: string;
}

/** Messages since the start, for the routes that carried some since the last batch. */
export interface Traffic {
  readonly type: '@mobius.traffic';
  /** Pairs of place in `Hello.routes` and count. */
  readonly counts: readonly (readonly [number, number])[];
}

export interface Totals {
  readonly type: '@mobius.totals';
  readonly messages: number;
  readonly events: number;
  readonly deadLetters: number;
  /** Events and messages that were too many to be shown to this page. */
  readonly dropped: number;
  /** Actors that were too many to be followed. */
  readonly untracked: number;
  /** Messages that are not on the route table. */
  readonly unlisted: number;
  /** Wall clock of the process, ms since the Unix epoch. */
  readonly at: number;
}

export type ForStately = ActorAppeared | EventReceived | SnapshotChanged;

export type ForPage =
  | ForStately
  | MessageSent
  | Hello
  | Supervision
  | ActorEnded
  | Traffic
  | Totals;

/** A statechart as it is drawn. */
export interface Chart {
  readonly id: string;
  readonly root: ChartState;
  /** Of all states, in order of the document. */
  readonly transitions: readonly ChartTransition[];
}

export interface ChartState {
  /** Path from the machine, joined by dots: `gossip-pool.present.alone`. */
  readonly id: string;
  readonly key: string;
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly initial: string | null;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly states: readonly ChartState[];
}

export interface ChartTransition {
  readonly source: string;
  /** Absent: stays where it is. */
  readonly target: string | null;
  /** Event type; `after x` for delays, `` for `always`. */
  readonly event: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
}
