/**
 * The working copy of a pool's state during one transition: tables are copied when first written,
 * small values are set in place, and effects are collected. `finish` makes the next state of it.
 */

import type { LogFields, LogLevel } from '../../src/log.ts';
import type { MemberChange } from '../../src/model/member.ts';
import { drawOf, nextState } from '../../src/mulberry32.ts';
import {
  COMPOUND_HEADER_BYTES,
  COMPOUND_PART_BYTES,
  LABEL_HEADER_BYTES,
} from '../../src/wire/gossip/packet.ts';
import { SEAL_OVERHEAD } from '../../src/wire/gossip/seal.ts';
import { type BroadcastQueue, enqueue, type QueueChange } from './broadcasts.ts';
import type { PoolConfig } from './config.ts';
import { CowMap } from './cow-map.ts';
import { type Effects, noEffects, type SealKey } from './effects.ts';
import type { Node, PoolCounts, PoolState, Wait } from './state.ts';

/** Log lines within a window of this length. */
const LOG_WINDOW_MS = 1_000;
const LOG_LINES_MAX = 32;

type Tables =
  | 'nodes'
  | 'suspicions'
  | 'relays'
  | 'exchanges'
  | 'joins'
  | 'members'
  | 'facts'
  | 'intents'
  | 'prunes'
  | 'eventSlots'
  | 'querySlots'
  | 'queries'
  | 'open'
  | 'waits'
  | 'coordinates';

type TableOf<K extends Tables> =
  PoolState[K] extends ReadonlyMap<infer Key, infer Value> ? CowMap<Key, Value> : never;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Values = Mutable<Omit<PoolState, Tables>>;

export type QueueName = 'queue' | 'intentQueue' | 'queryQueue' | 'eventQueue';

export class Work {
  readonly config: PoolConfig;
  readonly now: number;
  readonly #next: Mutable<PoolState>;
  #order: string[] = [];
  /** Everything that is not a table; set in place. */
  readonly values: Values;
  readonly effects: Effects = noEffects();
  /** Member changes of this transition, in order. */
  readonly changes: MemberChange[] = [];
  readonly nodes: TableOf<'nodes'>;
  readonly suspicions: TableOf<'suspicions'>;
  readonly relays: TableOf<'relays'>;
  readonly exchanges: TableOf<'exchanges'>;
  readonly joins: TableOf<'joins'>;
  readonly members: TableOf<'members'>;
  readonly facts: TableOf<'facts'>;
  readonly intents: TableOf<'intents'>;
  readonly prunes: TableOf<'prunes'>;
  readonly eventSlots: TableOf<'eventSlots'>;
  readonly querySlots: TableOf<'querySlots'>;
  readonly queries: TableOf<'queries'>;
  readonly open: TableOf<'open'>;
  readonly waits: TableOf<'waits'>;
  readonly coordinates: TableOf<'coordinates'>;

  constructor(state: PoolState, nowMs: number) {
    this.config = state.config;
    this.now = nowMs;
    this.#next = { ...state, nowMs };
    this.values = this.#next;
    this.nodes = new CowMap(state.nodes);
    this.suspicions = new CowMap(state.suspicions);
    this.relays = new CowMap(state.relays);
    this.exchanges = new CowMap(state.exchanges);
    this.joins = new CowMap(state.joins);
    this.members = new CowMap(state.members);
    this.facts = new CowMap(state.facts);
    this.intents = new CowMap(state.intents);
    this.prunes = new CowMap(state.prunes);
    this.eventSlots = new CowMap(state.eventSlots);
    this.querySlots = new CowMap(state.querySlots);
    this.queries = new CowMap(state.queries);
    this.open = new CowMap(state.open);
    this.waits = new CowMap(state.waits);
    this.coordinates = new CowMap(state.coordinates);
  }

  /** The next state. The work is over with it. */
  finish(): PoolState {
    if (this.changes.length > 0) {
      this.values.viewVersion += 1;
      this.effects.view = {
        pool: this.config.pool,
        self: this.config.name,
        version: this.values.viewVersion,
        members: this.members.current,
        changes: this.changes,
      };
    }
    const next = this.#next;
    next.nodes = this.nodes.current;
    next.suspicions = this.suspicions.current;
    next.relays = this.relays.current;
    next.exchanges = this.exchanges.current;
    next.joins = this.joins.current;
    next.members = this.members.current;
    next.facts = this.facts.current;
    next.intents = this.intents.current;
    next.prunes = this.prunes.current;
    next.eventSlots = this.eventSlots.current;
    next.querySlots = this.querySlots.current;
    next.queries = this.queries.current;
    next.open = this.open.current;
    next.waits = this.waits.current;
    next.coordinates = this.coordinates.current;
    return next;
  }

  /** This node's own entry; absent only before the start. */
  get self(): Node | undefined {
    return this.nodes.get(this.config.name);
  }

  /** Key that seals outgoing gossip. */
  get sealKey(): SealKey {
    if (this.config.outgoing === 'plaintext') return null;
    return this.values.keyRing.keys[0] ?? null;
  }

  /** Bytes of messages that fit into one packet, compound header taken off. */
  get packetRoom(): number {
    const { timing, label } = this.config;
    const labelBytes = label === '' ? 0 : Buffer.byteLength(label) + LABEL_HEADER_BYTES;
    const sealBytes = this.sealKey === null ? 0 : SEAL_OVERHEAD;
    return timing.packetBytesMax - COMPOUND_HEADER_BYTES - labelBytes - sealBytes;
  }

  /** Uniform in [0, 1), from the pool's seed. */
  random(): number {
    this.values.random = nextState(this.values.random);
    return drawOf(this.values.random) / 2 ** 32;
  }

  /** Uniform in 0 … `below` - 1. */
  randomInt(below: number): number {
    return Math.floor(this.random() * below);
  }

  /** Fresh id for exchanges, joins, broadcasts and waits. */
  newId(): number {
    return this.values.nextId++;
  }

  /** Writes a line, or counts it when this second has had enough of them. */
  log(level: LogLevel, text: string, fields: LogFields = {}): void {
    const { logs } = this.values;
    const current = this.now - logs.sinceMs < LOG_WINDOW_MS;
    const lines = current ? logs.lines : 0;
    if (lines >= LOG_LINES_MAX) {
      this.values.logs = { ...logs, dropped: logs.dropped + 1 };
      return;
    }
    const sinceMs = current ? logs.sinceMs : this.now;
    this.values.logs = { sinceMs, lines: lines + 1, dropped: 0 };
    const told = logs.dropped === 0 ? fields : { ...fields, linesDropped: logs.dropped };
    this.effects.logs.push({ level, text, fields: told });
  }

  /** The probe order, to be changed in place: a push/pull may bring a whole pool of nodes at once. */
  writableOrder(): string[] {
    if (this.values.order !== this.#order) {
      this.#order = [...this.values.order];
      this.values.order = this.#order;
    }
    return this.#order;
  }

  count(counter: keyof PoolCounts): void {
    const { counts } = this.values;
    this.values.counts = { ...counts, [counter]: counts[counter] + 1 };
  }

  /**
   * Puts a message into one of the queues. Arms the gossip timer, which rests on empty queues. One
   * that fits into no packet would stay there for ever and is dropped.
   */
  broadcast(name: QueueName, bytes: Uint8Array, key: string | null, wait = 0): void {
    if (bytes.length + COMPOUND_PART_BYTES > this.packetRoom) {
      this.count('messagesDropped');
      return;
    }
    const item = { id: this.newId(), key, bytes, transmits: 0, wait };
    this.changeQueue(name, enqueue(this.values[name], item));
  }

  /** Stores a changed queue and tells those who waited. */
  changeQueue(name: QueueName, change: QueueChange): void {
    this.values[name] = change.queue;
    for (const wait of change.ended) endWait(this, wait, 'sent');
  }

  get queues(): readonly BroadcastQueue[] {
    const { queue, intentQueue, queryQueue, eventQueue } = this.values;
    return [queue, intentQueue, queryQueue, eventQueue];
  }
}

/** What serf and memberlist say when a broadcast has not been sent out in time. */
const WAITED_IN_VAIN: Partial<Record<Wait['purpose'], string>> = {
  'force-leave': 'timed out broadcasting node removal',
  tags: 'timeout waiting for update broadcast',
};

/** Ends a wait for a broadcast, answering who asked. */
export function endWait(work: Work, id: number, how: 'sent' | 'timeout'): void {
  const wait = work.waits.get(id);
  if (wait === undefined) return;
  work.waits.delete(id);
  const { reply } = wait;
  if (reply === null) return;
  const refusal = how === 'timeout' ? WAITED_IN_VAIN[wait.purpose] : undefined;
  work.effects.replies.push({
    deliver: () => {
      if (refusal === undefined) reply.answer(null);
      else reply.refuse(new Error(refusal));
    },
  });
}
