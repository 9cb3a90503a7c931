/**
 * Remembers what happens in the house, cheaply: references in a ring, counters for the routes, and
 * which actors there are. Nothing is turned into text here; that is done for those who look.
 */

import { type AnyStateMachine, type InspectionEvent, StateMachine } from 'xstate';
import type { RouteLine } from './stream.ts';

/**
 * Messages that are remembered, and as many events within actors; the oldest make place for new
 * ones. They do not share their places: the ticks of one actor would drive out what all others say.
 */
export const EVENTS_MAX = 1000;
/** Actors that are followed; more are counted and otherwise ignored. */
export const ACTORS_MAX = 5000;

/** A message of the bus. */
export interface Letter {
  readonly from: string;
  readonly to: string;
  readonly message: { readonly type: string };
}

export interface ActorSnapshotLike {
  readonly status: string;
  readonly value?: unknown;
  readonly context?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
}

/** What is read of an actor. */
export interface ActorLike {
  readonly id: string;
  readonly sessionId: string;
  readonly systemId?: string | undefined;
  readonly _parent?: ActorLike | undefined;
  readonly logic?: unknown;
  /** Its name in the machine that started it, or its logic. */
  readonly src?: unknown;
  getSnapshot(): ActorSnapshotLike;
}

export interface ActorRecord {
  readonly actor: ActorLike;
  readonly rootId: string;
  readonly machine: AnyStateMachine | null;
  /** Moment of its latest change, in `Recorder.moment` numbers. */
  changed: number;
  /** Type of the latest event that it was given. */
  lastEvent: string;
}

/** One remembered event or message. Entries are used again: read them at once. */
export interface Entry {
  /** Counts from 1. */
  number: number;
  /** Wall clock, ms. */
  at: number;
  /** Absent for what happened inside of the actor system. */
  letter: Letter | null;
  /** The actor that received it, if one did. */
  actor: ActorLike | null;
  source: ActorLike | null;
  event: { readonly type: string } | null;
}

export interface RouteCounter {
  readonly index: number;
  readonly line: RouteLine;
  count: number;
}

export class Recorder {
  readonly actors = new Map<string, ActorRecord>();
  readonly counters: readonly RouteCounter[];
  /** Grows with everything that happens. */
  moment = 0;
  /** Events and messages so far, and messages among them. */
  entries = 0;
  messages = 0;
  untracked = 0;
  unlisted = 0;

  /** Wall clock, ms. */
  readonly now: () => number;
  readonly #messageRing: Entry[] = [];
  readonly #eventRing: Entry[] = [];
  readonly #countersByType = new Map<string, RouteCounter[]>();
  /** The letter that is being delivered: the next event of its message is its arrival. */
  #delivered: Entry | null = null;

  constructor(options: { readonly now: () => number; readonly routes: readonly RouteLine[] }) {
    this.now = options.now;
    this.counters = options.routes.map((line, index) => ({ index, line, count: 0 }));
    for (const counter of this.counters) {
      const { type } = counter.line;
      const same = this.#countersByType.get(type);
      if (same) same.push(counter);
      else this.#countersByType.set(type, [counter]);
    }
  }

  /** Sees what happens in the actor system. */
  readonly inspect = (happened: InspectionEvent): void => {
    switch (happened.type) {
      case '@xstate.actor':
        this.#appear(asActor(happened.actorRef), happened.rootId);
        break;
      case '@xstate.event':
        this.#receive(
          asActor(happened.actorRef),
          happened.sourceRef ? asActor(happened.sourceRef) : null,
          happened.event,
        );
        break;
      case '@xstate.snapshot':
        this.#change(happened.actorRef.sessionId, happened.event.type);
        break;
    }
  };

  /** Sees what the bus delivers. */
  readonly observe = (letter: Letter): void => {
    this.messages += 1;
    this.#count(letter);
    this.#delivered = this.#add(letter, null, null, letter.message);
  };

  /** Remembered entries after number `after`, oldest first, the newest `max` at most. */
  entriesAfter(after: number, max: number): readonly Entry[] {
    const found: Entry[] = [];
    for (const ring of [this.#messageRing, this.#eventRing]) {
      for (const entry of ring) if (entry.number > after) found.push(entry);
    }
    return found.sort((a, b) => a.number - b.number).slice(-max);
  }

  /** Forgets the actors that have ended. */
  sweep(): void {
    for (const [sessionId, { actor }] of this.actors) {
      if (actor.getSnapshot()?.status !== 'active') this.actors.delete(sessionId);
    }
  }

  #appear(actor: ActorLike, rootId: string): void {
    if (this.actors.size >= ACTORS_MAX) this.sweep();
    if (this.actors.size >= ACTORS_MAX) {
      this.untracked += 1;
      return;
    }
    this.moment += 1;
    const machine = actor.logic instanceof StateMachine ? (actor.logic as AnyStateMachine) : null;
    const changed = this.moment;
    this.actors.set(actor.sessionId, { actor, rootId, machine, changed, lastEvent: '' });
  }

  #receive(actor: ActorLike, source: ActorLike | null, event: { readonly type: string }): void {
    const delivered = this.#delivered;
    this.#delivered = null;
    if (delivered !== null && delivered.event === event) {
      delivered.actor = actor;
      return;
    }
    this.#add(null, actor, source, event);
    // An actor that failed says no word of its own: its parent is told.
    if (source !== null && event.type.startsWith('xstate.error.actor.')) {
      this.#change(source.sessionId, event.type);
    }
  }

  #change(sessionId: string, eventType: string): void {
    const record = this.actors.get(sessionId);
    if (!record) return;
    this.moment += 1;
    record.changed = this.moment;
    record.lastEvent = eventType;
  }

  #count(letter: Letter): void {
    for (const counter of this.#countersByType.get(letter.message.type) ?? []) {
      if (counter.line.from !== letter.from || counter.line.to !== letter.to) continue;
      counter.count += 1;
      return;
    }
    this.unlisted += 1;
  }

  #add(
    letter: Letter | null,
    actor: ActorLike | null,
    source: ActorLike | null,
    event: { readonly type: string },
  ): Entry {
    this.entries += 1;
    const ring = letter ? this.#messageRing : this.#eventRing;
    // From 0, so that a ring has no holes while it fills.
    const place = ((letter ? this.messages : this.entries - this.messages) - 1) % EVENTS_MAX;
    const entry = ring[place] ?? { number: 0, at: 0, letter, actor, source, event };
    ring[place] = entry;
    entry.number = this.entries;
    entry.at = this.now();
    entry.letter = letter;
    entry.actor = actor;
    entry.source = source;
    entry.event = event;
    return entry;
  }
}

/** The inspection's type of an actor says less than what an actor has. */
function asActor(actor: unknown): ActorLike {
  return actor as ActorLike;
}
