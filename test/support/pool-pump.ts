/**
 * Gossip pools in one process without actors, sockets or streams: states of the pool's pure step
 * function, and a queue of what is on its way between them. Deterministic from its seed.
 */

import { CONSUL_LAN_DEFAULTS, type PoolConfig } from '../../machines/gossip/config.ts';
import type { Effects } from '../../machines/gossip/effects.ts';
import { initialState } from '../../machines/gossip/start.ts';
import type { PoolState } from '../../machines/gossip/state.ts';
import { type PoolEvent, stepPool } from '../../machines/gossip/step.ts';
import type { Reply } from '../../machines/messages.ts';
import type { GossipPeer } from '../../machines/routes/gossip.ts';
import type { CoordinatesView, MemberChange, UserEvent } from '../../src/model/member.ts';
import { parseJoinAddress } from '../../src/wire/gossip/address.ts';
import { type KeyRing, NO_KEYS } from '../../src/wire/gossip/keyring.ts';
import { NONCE_BYTES, seal } from '../../src/wire/gossip/seal.ts';
import {
  EMPTY_SNAPSHOT,
  type SnapshotFacts,
  type SnapshotLine,
} from '../../src/wire/gossip/snapshot.ts';
import { readStream } from '../../src/wire/gossip/stream.ts';

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** What a pumped node has told the outside. */
export class PumpedNode {
  readonly name: string;
  readonly config: PoolConfig;
  state: PoolState;
  alive = true;
  wakeMs = 0;
  wakeOrder = 0;
  readonly changes: MemberChange[] = [];
  readonly events: UserEvent[] = [];
  readonly snapshot: SnapshotLine[] = [];
  readonly logs: string[] = [];
  readonly queries: Effects['queries'] = [];
  readonly coordinates: { readonly atMs: number; readonly view: CoordinatesView }[] = [];

  constructor(config: PoolConfig, state: PoolState) {
    this.name = config.name;
    this.config = config;
    this.state = state;
  }

  /** Status of a member as this node sees it; `none` when it does not. */
  status(name: string): string {
    return this.state.members.get(name)?.status ?? 'none';
  }
}

export interface PumpOptions {
  readonly seed?: number;
  readonly latencyMs?: number;
  /** Share of datagrams that are lost. */
  readonly loss?: number;
  readonly keyRing?: KeyRing;
  readonly config?: Partial<PoolConfig>;
}

/** A fulfilled or refused question. */
export interface Asked<T> {
  answer: T | undefined;
  error: Error | undefined;
}

export class PoolPump {
  readonly nodes = new Map<string, PumpedNode>();
  readonly #byEndpoint = new Map<string, PumpedNode>();
  readonly #heap: Scheduled[] = [];
  readonly #options: PumpOptions;
  /** Whether a packet or stream may pass between two nodes. */
  reachable: (from: PumpedNode, to: PumpedNode) => boolean = () => true;
  /** Whether datagrams may, where streams do. */
  datagrams: (from: PumpedNode, to: PumpedNode) => boolean = () => true;
  /** Sees what nodes send: datagrams as they are, streams before compression. */
  sent: (by: 'datagram' | 'stream', bytes: Uint8Array) => void = () => {};
  now = 1_000;
  packets = 0;
  steps = 0;
  #order = 0;
  #random: number;

  constructor(options: PumpOptions = {}) {
    this.#options = options;
    this.#random = options.seed ?? 1;
  }

  random(): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return this.#random / 0x1_0000_0000;
  }

  /** Starts a node; the nth has the address 10.0.x.y. */
  start(
    name: string,
    config: Partial<PoolConfig> = {},
    more: { keyRing?: KeyRing; snapshot?: SnapshotFacts } = {},
  ): PumpedNode {
    const index = this.nodes.size + 1;
    const full: PoolConfig = {
      ...CONSUL_LAN_DEFAULTS,
      name,
      address: `10.0.${index >> 8}.${index & 255}`,
      port: 8301,
      tags: { role: 'node' },
      ...this.#options.config,
      ...config,
    };
    const input = {
      config: full,
      seed: Math.floor(this.random() * 0x7fff_ffff),
      nowMs: this.now,
      keyRing: more.keyRing ?? this.#options.keyRing ?? NO_KEYS,
      snapshot: more.snapshot ?? EMPTY_SNAPSHOT,
    };
    const node = new PumpedNode(full, initialState(input));
    this.nodes.set(name, node);
    this.#byEndpoint.set(`${full.address}:${full.port}`, node);
    this.feed(node, { type: 'pool.start', input });
    return node;
  }

  /** The process ends without a word. */
  kill(node: PumpedNode): void {
    node.alive = false;
    this.#byEndpoint.delete(`${node.config.address}:${node.config.port}`);
  }

  feed(node: PumpedNode, event: PoolEvent): void {
    if (!node.alive) return;
    this.steps += 1;
    const { state, effects, wakeMs } = stepPool(node.state, event, this.now);
    node.state = state;
    this.#perform(node, effects);
    if (wakeMs !== node.wakeMs || event.type === 'tick') this.#wake(node, wakeMs);
  }

  #wake(node: PumpedNode, wakeMs: number): void {
    node.wakeMs = wakeMs;
    node.wakeOrder += 1;
    const armed = node.wakeOrder;
    this.#at(wakeMs, () => {
      if (node.wakeOrder === armed) this.feed(node, { type: 'tick' });
    });
  }

  #perform(node: PumpedNode, effects: Effects): void {
    for (const { deliver } of effects.replies) deliver();
    if (effects.view) node.changes.push(...effects.view.changes);
    node.events.push(...effects.events);
    node.snapshot.push(...effects.snapshot);
    node.queries.push(...effects.queries);
    if (effects.coordinates !== null) {
      node.coordinates.push({ atMs: this.now, view: effects.coordinates });
    }
    for (const { text } of effects.logs) node.logs.push(text);
    const key = node.state.keyRing.keys[0];
    for (const { to, bytes } of effects.packets) {
      const nonce = Buffer.alloc(NONCE_BYTES, this.packets & 0xff);
      this.#sendPacket(node, to, key === undefined ? bytes : seal(key, nonce, bytes));
    }
    for (const order of effects.exchanges) this.#exchange(node, order.id, order.to, order.bytes);
    for (const { joinId, addresses } of effects.resolves) {
      const peers = addresses.map((text) => {
        const { name, host, port } = parseJoinAddress(text, node.config.port);
        return { name, address: host, port };
      });
      this.#at(this.now, () =>
        this.feed(node, { type: 'addresses.resolved', joinId, peers, errors: [] }),
      );
    }
    const answers = effects.answers.splice(0);
    for (const answer of answers) this.#answers.get(answer.id)?.(answer.bytes);
  }

  #sendPacket(from: PumpedNode, to: GossipPeer, bytes: Uint8Array): void {
    this.packets += 1;
    this.sent('datagram', bytes);
    const target = this.#byEndpoint.get(`${to.address}:${to.port}`);
    const lost = this.random() < (this.#options.loss ?? 0);
    if (target === undefined || lost) return;
    if (!this.reachable(from, target) || !this.datagrams(from, target)) return;
    const endpoint = { address: from.config.address, port: from.config.port };
    this.#at(this.now + this.#latency(), () =>
      this.feed(target, { type: 'packets.received', packets: [{ from: endpoint, bytes }] }),
    );
  }

  #latency(): number {
    const base = this.#options.latencyMs ?? 2;
    return base * (0.5 + this.random());
  }

  readonly #answers = new Map<number, (bytes: Buffer | null) => void>();
  #answerIds = 0;

  #exchange(from: PumpedNode, id: number, to: GossipPeer, bytes: Buffer): void {
    const target = this.#byEndpoint.get(`${to.address}:${to.port}`);
    const fail = (error: string, afterMs: number): void =>
      this.#at(this.now + afterMs, () => this.feed(from, { type: 'exchange.failed', id, error }));
    if (target === undefined) {
      fail('ECONNREFUSED', this.#latency());
      return;
    }
    if (!this.reachable(from, target)) {
      fail('i/o timeout', from.config.timing.streamTimeoutMs);
      return;
    }
    this.sent('stream', bytes);
    const rules = { label: '', keys: [], plaintext: 'accept' } as const;
    const request = readStream(bytes, { ...rules, peer: 'dialer' });
    if (!request.ok) throw new Error(request.error);
    this.#answerIds += 1;
    const answerId = this.#answerIds;
    this.#answers.set(answerId, (answer) => {
      this.#answers.delete(answerId);
      if (answer === null) {
        fail('EOF', this.#latency());
        return;
      }
      this.sent('stream', answer);
      const reply = readStream(answer, { ...rules, peer: 'acceptor' });
      if (!reply.ok) throw new Error(reply.error);
      this.#at(this.now + this.#latency(), () =>
        this.feed(from, { type: 'exchange.answered', id, message: reply.value }),
      );
    });
    const endpoint = { address: from.config.address, port: 40_000 };
    this.#at(this.now + this.#latency(), () => {
      if (!target.alive) fail('ECONNRESET', 0);
      else {
        this.feed(target, {
          type: 'exchange.requested',
          id: answerId,
          from: endpoint,
          message: request.value,
        });
      }
    });
  }

  #at(atMs: number, run: () => void): void {
    this.#order += 1;
    push(this.#heap, { atMs, order: this.#order, run });
  }

  /** Lets time pass. */
  run(durationMs: number): void {
    this.runUntil(() => false, durationMs);
  }

  /** Lets time pass until `done`, or `limitMs` at most. Returns whether it was done, and when. */
  runUntil(
    done: () => boolean,
    limitMs: number,
  ): { readonly done: boolean; readonly tookMs: number } {
    const start = this.now;
    const end = start + limitMs;
    for (;;) {
      if (done()) return { done: true, tookMs: this.now - start };
      const next = this.#heap[0];
      if (next === undefined || next.atMs > end) break;
      pop(this.#heap);
      this.now = Math.max(this.now, next.atMs);
      next.run();
    }
    this.now = end;
    return { done: done(), tookMs: limitMs };
  }

  /** A question whose answer can be looked at later. */
  ask<T>(): { readonly asked: Asked<T>; readonly reply: Reply<T> } {
    const asked: Asked<T> = { answer: undefined, error: undefined };
    const reply: Reply<T> = {
      answer: (answer) => {
        asked.answer = answer;
      },
      refuse: (error) => {
        asked.error = error;
      },
    };
    return { asked, reply };
  }

  join(node: PumpedNode, to: PumpedNode): Asked<{ readonly joined: number }> {
    const { asked, reply } = this.ask<{
      readonly joined: number;
      readonly errors: readonly string[];
    }>();
    const { name, address, port } = to.config;
    const addresses = [`${name}/${address}:${port}`];
    this.feed(node, { type: 'members.join', addresses, oldEvents: 'ignore', reply });
    return asked;
  }

  /** Starts `count` nodes and joins all to the first. */
  pool(count: number, config: Partial<PoolConfig> = {}): readonly PumpedNode[] {
    const nodes = Array.from({ length: count }, (_, index) => this.start(`node${index}`, config));
    for (const node of nodes.slice(1)) this.join(node, nodes[0] as PumpedNode);
    return nodes;
  }
}

function before(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Scheduled[], item: Scheduled): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(item, heap[parent] as Scheduled)) break;
    heap[at] = heap[parent] as Scheduled;
    at = parent;
  }
  heap[at] = item;
}

function pop(heap: Scheduled[]): void {
  const last = heap.pop() as Scheduled;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Scheduled, heap[child] as Scheduled)) {
      child += 1;
    }
    if (!before(heap[child] as Scheduled, last)) break;
    heap[at] = heap[child] as Scheduled;
    at = child;
  }
  heap[at] = last;
}

/** Whether all of `nodes` see exactly `alive` as alive. */
export function agree(nodes: readonly PumpedNode[], alive: readonly PumpedNode[]): boolean {
  return nodes.every((node) => {
    let count = 0;
    for (const member of node.state.members.values()) if (member.status === 'alive') count += 1;
    return count === alive.length && alive.every((other) => node.status(other.name) === 'alive');
  });
}
