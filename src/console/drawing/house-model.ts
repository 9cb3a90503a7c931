/** What the page knows of the house: the stream, folded. Knows nothing of how it is shown. */

import type {
  ActorAppeared,
  ActorSnapshot,
  EventReceived,
  ForPage,
  Hello,
  Json,
  MessageSent,
  SnapshotChanged,
  SupervisedChild,
  Supervision,
  Totals,
} from '../stream.ts';

/** Messages that the page keeps, and as many events within actors. */
export const SHOWN_EVENTS_MAX = 1000;
/** Children beyond these are counted, not listed, unless a supervisor answers for them. */
export const LISTED_CHILDREN_MAX = 12;

export interface KnownActor {
  readonly sessionId: string;
  /** Its name in the system if it has one. */
  readonly name: string;
  readonly systemId: string | null;
  readonly parentId: string | null;
  readonly machine: string | null;
  readonly snapshot: ActorSnapshot;
  readonly lastEvent: string;
}

export interface SeenEvent {
  readonly id: string;
  /** Its place in the order of all. */
  readonly number: number;
  /** Wall clock of the process, ms. */
  readonly at: number;
  /** A message of the route table, or an event within the actor system. */
  readonly kind: 'message' | 'event';
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly body: { readonly [key: string]: Json };
  /** Lower case, what the filter looks in. */
  readonly text: string;
}

export interface RouteTraffic {
  count: number;
  /** Messages of the latest batch. */
  recent: number;
  /** Messages a second, smoothed. */
  rate: number;
}

/** How much of a rate's past is kept by each batch. */
const RATE_MEMORY = 0.85;
const BATCHES_A_SECOND = 10;

export class HouseModel {
  hello: Hello | null = null;
  totals: Totals | null = null;
  readonly actors = new Map<string, KnownActor>();
  readonly supervisions = new Map<string, Supervision>();
  traffic: RouteTraffic[] = [];
  /** Oldest first. */
  messages: SeenEvent[] = [];
  innerEvents: SeenEvent[] = [];
  /** Of all messages, a second. */
  rate = 0;

  apply(batch: readonly ForPage[]): void {
    for (const route of this.traffic) route.recent = 0;
    for (const one of batch) this.#applyOne(one);
    for (const route of this.traffic) {
      route.rate = route.rate * RATE_MEMORY + route.recent * BATCHES_A_SECOND * (1 - RATE_MEMORY);
    }
    this.rate = this.traffic.reduce((sum, route) => sum + route.rate, 0);
    this.messages = this.messages.slice(-SHOWN_EVENTS_MAX);
    this.innerEvents = this.innerEvents.slice(-SHOWN_EVENTS_MAX);
  }

  nameOf(sessionId: string | null): string {
    if (sessionId === null) return '';
    return this.actors.get(sessionId)?.name ?? sessionId;
  }

  byName(name: string): KnownActor | undefined {
    for (const actor of this.actors.values()) if (actor.name === name) return actor;
    return undefined;
  }

  #applyOne(one: ForPage): void {
    switch (one.type) {
      case '@mobius.hello':
        this.#begin(one);
        break;
      case '@xstate.actor':
        this.actors.set(one.sessionId, knownActor(one));
        break;
      case '@xstate.snapshot':
        this.#change(one);
        break;
      case '@xstate.event':
        this.innerEvents.push(
          seenEvent(one, this.nameOf(one.sourceId), this.nameOf(one.sessionId)),
        );
        break;
      case '@mobius.message':
        this.messages.push(seenMessage(one));
        break;
      case '@mobius.supervision':
        this.supervisions.set(one.sessionId, one);
        break;
      case '@mobius.ended':
        this.actors.delete(one.sessionId);
        this.supervisions.delete(one.sessionId);
        break;
      case '@mobius.traffic':
        for (const [index, count] of one.counts) this.#count(index, count);
        break;
      case '@mobius.totals':
        this.totals = one;
        break;
      default:
        one satisfies never;
    }
  }

  #begin(hello: Hello): void {
    this.hello = hello;
    this.actors.clear();
    this.supervisions.clear();
    this.messages = [];
    this.innerEvents = [];
    this.traffic = hello.routes.map(() => ({ count: 0, recent: 0, rate: 0 }));
  }

  #change({ sessionId, snapshot, event }: SnapshotChanged): void {
    const actor = this.actors.get(sessionId);
    if (actor) this.actors.set(sessionId, { ...actor, snapshot, lastEvent: event.type });
  }

  #count(index: number, count: number): void {
    const route = this.traffic[index];
    if (!route) return;
    // What was counted before the page came is history, not traffic.
    route.recent = this.totals === null ? 0 : count - route.count;
    route.count = count;
  }
}

function knownActor(one: ActorAppeared): KnownActor {
  const { sessionId, name, systemId, parentId, machine, snapshot } = one;
  return {
    sessionId,
    name: systemId ?? name,
    systemId,
    parentId,
    machine,
    snapshot,
    lastEvent: '',
  };
}

/** Entries are named `e<number>`. */
function numberOf(id: string): number {
  return Number(id.slice(1));
}

function seenEvent(one: EventReceived, from: string, to: string): SeenEvent {
  const type = eventName(one.event.type);
  return {
    id: one.id,
    number: numberOf(one.id),
    at: Number(one.createdAt),
    kind: 'event',
    from,
    to,
    type,
    body: one.event,
    text: `${from} ${type} ${to}`.toLowerCase(),
  };
}

function seenMessage({ id, createdAt, from, to, event }: MessageSent): SeenEvent {
  return {
    id,
    number: numberOf(id),
    at: Number(createdAt),
    kind: 'message',
    from,
    to,
    type: event.type,
    body: event,
    text: `${from} ${event.type} ${to}`.toLowerCase(),
  };
}

/** `xstate.after.pause.machine.state` is what XState calls the delay `pause` of that state. */
function eventName(type: string): string {
  return type.replace(/^xstate\.after\.([^.]+)\..*$/, 'after $1');
}

/** Equal events in a row, the latest of them. */
export interface EventRow {
  readonly event: SeenEvent;
  readonly times: number;
}

/** Newest first; what repeats itself without anything between is one row. */
export function eventRows(events: readonly SeenEvent[]): readonly EventRow[] {
  const rows: { event: SeenEvent; times: number }[] = [];
  for (const event of [...events].reverse()) {
    const last = rows.at(-1);
    if (last && last.event.text === event.text && last.event.kind === event.kind) last.times += 1;
    else rows.push({ event, times: 1 });
  }
  return rows;
}

/** Whether each word of the filter is somewhere in the event; a word after `-` must not be. */
export function eventMatches(event: SeenEvent, words: readonly string[]): boolean {
  return words.every((word) =>
    word.startsWith('-') && word.length > 1
      ? !event.text.includes(word.slice(1))
      : event.text.includes(word),
  );
}

/** A state value as one line: `present.alone`, parallel regions joined by ` | `. */
export function stateText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([key, inner]) => {
      const text = stateText(inner);
      return text === '' ? key : `${key}.${text}`;
    })
    .join(' | ');
}

/** One line of the tree. */
export interface TreeRow {
  /** Session id; for a child that does not live, its supervisor's with its name. */
  readonly id: string;
  readonly depth: number;
  readonly name: string;
  /** What it is in: its state, or its status when it has none. */
  readonly state: string;
  readonly tone: 'live' | 'waiting' | 'failed' | 'quiet';
  readonly restarts: number;
  /** Machine id, strategy of a supervisor, latest failure: whatever explains the line. */
  readonly note: string;
}

/** The supervisor tree, top down. Children of supervisors stand in the order of their start. */
export function treeRows(model: HouseModel): readonly TreeRow[] {
  const children = new Map<string | null, KnownActor[]>();
  for (const actor of model.actors.values()) {
    const parent =
      actor.parentId !== null && model.actors.has(actor.parentId) ? actor.parentId : null;
    const siblings = children.get(parent);
    if (siblings) siblings.push(actor);
    else children.set(parent, [actor]);
  }
  const rows: TreeRow[] = [];
  const add = (actor: KnownActor, depth: number, child: SupervisedChild | undefined): void => {
    const supervision = model.supervisions.get(actor.sessionId);
    rows.push(liveRow(actor, depth, child, supervision));
    const below = children.get(actor.sessionId) ?? [];
    const supervised = supervision?.children ?? [];
    for (const spec of supervised) {
      const live = below.find(({ systemId, name }) => systemId === spec.id || name === spec.id);
      if (live) add(live, depth + 1, spec);
      else rows.push(ghostRow(actor.sessionId, spec, depth + 1));
    }
    const others = below.filter(({ name }) => !supervised.some(({ id }) => id === name));
    for (const other of others.slice(0, LISTED_CHILDREN_MAX)) add(other, depth + 1, undefined);
    const hidden = others.length - LISTED_CHILDREN_MAX;
    if (hidden > 0) rows.push(moreRow(actor.sessionId, hidden, depth + 1));
  };
  for (const root of children.get(null) ?? []) add(root, 0, undefined);
  return rows;
}

function liveRow(
  actor: KnownActor,
  depth: number,
  child: SupervisedChild | undefined,
  supervision: Supervision | undefined,
): TreeRow {
  const { status } = actor.snapshot;
  const value = stateText(actor.snapshot.value);
  const notes = [
    supervision ? supervision.strategy : (actor.machine ?? ''),
    child?.lastError === undefined ? '' : `last failure: ${child.lastError}`,
  ];
  return {
    id: actor.sessionId,
    depth,
    name: actor.name,
    state: value === '' ? status : value,
    tone: status === 'error' ? 'failed' : status === 'active' ? 'live' : 'quiet',
    restarts: child?.restarts ?? 0,
    note: notes.filter((note) => note !== '').join(' · '),
  };
}

function ghostRow(parent: string, child: SupervisedChild, depth: number): TreeRow {
  return {
    id: `${parent}/${child.id}`,
    depth,
    name: child.id,
    state: child.status,
    tone: child.status === 'failed' ? 'failed' : child.status === 'finished' ? 'quiet' : 'waiting',
    restarts: child.restarts,
    note: child.lastError === undefined ? '' : `last failure: ${child.lastError}`,
  };
}

function moreRow(parent: string, hidden: number, depth: number): TreeRow {
  return {
    id: `${parent}/…`,
    depth,
    name: `… ${hidden} more`,
    state: '',
    tone: 'quiet',
    restarts: 0,
    note: '',
  };
}

/** 1234 → `1.2k`, as short as counts on a drawing must be. */
export function shortCount(count: number): string {
  if (count < 1000) return String(Math.round(count));
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}
