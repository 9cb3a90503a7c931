/** What one viewer has seen so far, and what is new for it, as objects ready to be sent. */

import type { AnyStateMachine } from 'xstate';
import { boundedFields, boundedJson, CONTEXT_BOUNDS, EVENT_BOUNDS } from './bounded-json.ts';
import { configJson } from './chart.ts';
import {
  type ActorLike,
  type ActorRecord,
  type Entry,
  EVENTS_MAX,
  type Recorder,
} from './recorder.ts';
import {
  type ActorAppeared,
  type ActorEnded,
  type ActorSnapshot,
  type EventReceived,
  type ForPage,
  type Json,
  type MessageSent,
  PROTOCOL_VERSION,
  type SnapshotChanged,
  type Supervision,
  type Traffic,
} from './stream.ts';

/** Events of one batch; when there are more, the newest are shown and the others counted. */
export const BATCH_EVENTS_MAX = 250;
/** Actors of one batch; the others follow in the next ones. */
export const BATCH_ACTORS_MAX = 50;

export class Reader {
  dropped = 0;
  readonly #recorder: Recorder;
  readonly #seen = new Map<ActorRecord, number>();
  readonly #counts: number[];
  #lastEntry = 0;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    this.#counts = recorder.counters.map(() => 0);
  }

  /** What happened since the last call: actors first, so that events have somebody to belong to. */
  take(): ForPage[] {
    const news: ForPage[] = [];
    this.#takeActors(news);
    this.#takeEntries(news);
    this.#takeTraffic(news);
    return news;
  }

  #takeActors(news: ForPage[]): void {
    const now = this.#recorder.now();
    const changed = [...this.#recorder.actors.values()].filter(
      (record) => record.changed > (this.#seen.get(record) ?? 0),
    );
    // Those that waited longest go first; unseen ones in order of their creation.
    changed.sort((a, b) => (this.#seen.get(a) ?? 0) - (this.#seen.get(b) ?? 0));
    const fresh = changed.filter((record) => !this.#seen.has(record));
    const known = changed.filter((record) => this.#seen.has(record));
    for (const record of fresh) news.push(actorAppeared(record, now));
    for (const record of known.slice(0, BATCH_ACTORS_MAX)) news.push(snapshotChanged(record, now));
    for (const record of [...fresh, ...known.slice(0, BATCH_ACTORS_MAX)]) {
      const supervision = supervisionOf(record);
      if (supervision) news.push(supervision);
      this.#seen.set(record, record.changed);
    }
    this.#recorder.sweep();
    for (const record of this.#seen.keys()) {
      const { sessionId } = record.actor;
      if (this.#recorder.actors.get(sessionId) === record) continue;
      this.#seen.delete(record);
      news.push({ type: '@mobius.ended', sessionId } satisfies ActorEnded);
    }
  }

  #takeEntries(news: ForPage[]): void {
    const happened = this.#recorder.entries - this.#lastEntry;
    // The first batch brings all that is remembered.
    const max = this.#lastEntry === 0 ? 2 * EVENTS_MAX : BATCH_EVENTS_MAX;
    const entries = happened === 0 ? [] : this.#recorder.entriesAfter(this.#lastEntry, max);
    for (const entry of entries) {
      const told = entry.letter ? messageSent(entry) : eventReceived(entry, entry.source);
      if (told) news.push(told);
    }
    if (this.#lastEntry > 0) this.dropped += happened - entries.length;
    this.#lastEntry = this.#recorder.entries;
  }

  #takeTraffic(news: ForPage[]): void {
    const counts: [number, number][] = [];
    for (const { index, count } of this.#recorder.counters) {
      if (this.#counts[index] === count) continue;
      this.#counts[index] = count;
      counts.push([index, count]);
    }
    if (counts.length > 0) news.push({ type: '@mobius.traffic', counts } satisfies Traffic);
  }
}

/** The same news as Stately's inspector understands them. */
export function forStately(news: readonly ForPage[], recorder: Recorder): readonly ForPage[] {
  const byName = new Map<string, ActorLike>();
  for (const { actor } of recorder.actors.values()) {
    if (actor.systemId !== undefined) byName.set(actor.systemId, actor);
  }
  return news.flatMap((one): readonly ForPage[] => {
    switch (one.type) {
      case '@xstate.actor': {
        const record = recorder.actors.get(one.sessionId);
        return [{ ...one, definition: definitionOf(record?.machine ?? null, one.name) }];
      }
      case '@xstate.event':
        return [{ ...one, rootId: recorder.actors.get(one.sessionId)?.rootId ?? one.rootId }];
      case '@xstate.snapshot':
        return [one];
      case '@mobius.message': {
        const { sessionId, event, id, createdAt } = one;
        if (sessionId === null) return [];
        const rootId = recorder.actors.get(sessionId)?.rootId ?? sessionId;
        const sourceId = byName.get(one.from)?.sessionId ?? null;
        const base = { sessionId, rootId, createdAt, id, _version: PROTOCOL_VERSION };
        return [{ type: '@xstate.event', event, sourceId, ...base } satisfies EventReceived];
      }
      default:
        return [];
    }
  });
}

function definitionOf(machine: AnyStateMachine | null, name: string): string {
  return machine ? configJson(machine) : JSON.stringify({ id: name });
}

function actorAppeared(record: ActorRecord, now: number): ActorAppeared {
  const { actor, machine } = record;
  return {
    type: '@xstate.actor',
    name: nameOf(actor, machine),
    parentId: actor._parent?.sessionId ?? null,
    snapshot: snapshotOf(actor),
    systemId: actor.systemId ?? null,
    machine: machine?.id ?? null,
    ...identity(record, now),
  };
}

/** Ids that XState has made up say less than the machine's, or the name that it was invoked by. */
function nameOf({ id, sessionId, src }: ActorLike, machine: AnyStateMachine | null): string {
  if (id === sessionId && machine) return machine.id;
  return typeof src === 'string' && /^\d+\./.test(id) ? src : id;
}

function snapshotChanged(record: ActorRecord, now: number): SnapshotChanged {
  return {
    type: '@xstate.snapshot',
    event: { type: record.lastEvent },
    snapshot: snapshotOf(record.actor),
    ...identity(record, now),
  };
}

function identity(record: ActorRecord, now: number) {
  return {
    sessionId: record.actor.sessionId,
    rootId: record.rootId,
    createdAt: String(now),
    id: `s${record.changed}`,
    _version: PROTOCOL_VERSION,
  };
}

function snapshotOf(actor: ActorLike): ActorSnapshot {
  const snapshot = actor.getSnapshot();
  if (!snapshot) return { status: 'active' };
  const json = (value: unknown): Json => boundedJson(value, CONTEXT_BOUNDS);
  return {
    status: snapshot.status,
    ...(snapshot.value === undefined ? {} : { value: json(snapshot.value) }),
    ...(snapshot.context === undefined ? {} : { context: json(snapshot.context) }),
    ...(snapshot.output === undefined ? {} : { output: json(snapshot.output) }),
    ...(snapshot.error === undefined ? {} : { error: json(snapshot.error) }),
  };
}

function eventReceived(entry: Entry, source: ActorLike | null): EventReceived | undefined {
  if (!entry.actor || !entry.event) return undefined;
  const { sessionId } = entry.actor;
  return {
    type: '@xstate.event',
    event: eventJson(entry.event),
    sourceId: source?.sessionId ?? null,
    sessionId,
    rootId: sessionId,
    createdAt: String(entry.at),
    id: `e${entry.number}`,
    _version: PROTOCOL_VERSION,
  };
}

function messageSent(entry: Entry): MessageSent | undefined {
  if (!entry.letter) return undefined;
  return {
    type: '@mobius.message',
    id: `e${entry.number}`,
    createdAt: String(entry.at),
    from: entry.letter.from,
    to: entry.letter.to,
    event: eventJson(entry.letter.message),
    sessionId: entry.actor?.sessionId ?? null,
  };
}

function eventJson(event: { readonly type: string }): MessageSent['event'] {
  const { type, ...rest } = event;
  if ('reply' in rest) rest.reply = 'awaited';
  return { ...boundedFields(rest, EVENT_BOUNDS), type };
}

interface SupervisorContextLike {
  readonly strategy: string;
  readonly intensity: number;
  readonly recentRestarts: number;
  readonly view: Supervision['children'];
}

function supervisionOf({ actor, machine }: ActorRecord): Supervision | undefined {
  if (machine?.id !== 'supervisor') return undefined;
  const context = actor.getSnapshot()?.context as SupervisorContextLike | undefined;
  if (!context) return undefined;
  return {
    type: '@mobius.supervision',
    sessionId: actor.sessionId,
    strategy: context.strategy,
    intensity: context.intensity,
    recentRestarts: context.recentRestarts,
    children: context.view,
  };
}
