/**
 * A cluster of raft nodes as pure algorithm: no actors, no promises, one queue of events in
 * simulated time. One seed decides everything: delays, losses, order, crashes, what a crash leaves
 * on disk. Some hundred thousand steps a second.
 */

import { consulSettings, type RaftSettings } from '../../../machines/raft/limits.ts';
import { LogView } from '../../../machines/raft/log-view.ts';
import type {
  Effect,
  Input,
  PeerAnswer,
  PeerMessage,
  RaftNode,
} from '../../../machines/raft/node.ts';
import { type Stepped, startNode, stepNode } from '../../../machines/raft/step.ts';
import type { MemberChange } from '../../../machines/routes/raft.ts';
import { EMPTY_CONFIGURATION, type RaftServer } from '../../../src/consensus/configuration.ts';
import type { RaftRequest, RaftResponse } from '../../../src/wire/raft/messages.ts';
import { RaftChecker } from './model-checker.ts';
import { emptyDisk, type ModelDisk, type Persist, write } from './model-disk.ts';
import { answerOf, type ModelSnapshot, requestOf } from './model-wire.ts';

interface Server {
  readonly id: string;
  readonly address: string;
  readonly disk: ModelDisk;
  node: RaftNode | undefined;
  /** Distinguishes what belongs to a life that a crash has ended. */
  life: number;
  queue: Persist[];
  writing: boolean;
  durable: number;
  deferred: { readonly after: number; readonly run: () => void }[];
  state: string[];
  armedMs: number;
  tickets: number;
  waiting: Map<number, (error: string, response: RaftResponse | null) => void>;
  pending: { readonly index: number; readonly done: (ok: boolean, index: number) => void }[];
}

export interface Faults {
  /** Share of messages lost, 0 … 1. */
  loss: number;
  delayMsMax: number;
  /** Time that a write to disk takes at most. */
  writeMsMax: number;
  /** Pairs `from>to` that are cut. */
  readonly cut: Set<string>;
}

export interface ModelOptions {
  readonly seed: number;
  readonly servers: number;
  readonly settings?: Partial<RaftSettings>;
}

export class ModelCluster {
  readonly servers: readonly Server[];
  readonly faults: Faults = { loss: 0, delayMsMax: 5, writeMsMax: 3, cut: new Set() };
  readonly checker = new RaftChecker();
  readonly acknowledged: { readonly index: number; readonly data: string }[] = [];
  nowMs = 0;
  steps = 0;
  #random: number;
  readonly #settings: RaftSettings;
  #events: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;

  constructor(options: ModelOptions) {
    this.#random = options.seed | 0;
    this.#settings = { ...consulSettings(1), ...options.settings };
    this.servers = Array.from({ length: options.servers }, (_, at) => newServer(at));
  }

  /** Uniform in [0, 1). */
  float(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.float() * n);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  at(delayMs: number, run: () => void): void {
    const event = { atMs: this.nowMs + delayMs, order: this.#order++, run };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#events[middle] as typeof event;
      if (other.atMs > event.atMs || (other.atMs === event.atMs && other.order > event.order)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    this.#events.splice(low, 0, event);
  }

  /** Runs until that much simulated time has passed, or `done`. Whether it was done. */
  run(durationMs: number, done: () => boolean = () => false): boolean {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      if (done()) return true;
      const next = this.#events.at(-1);
      if (next === undefined || next.atMs > endMs) break;
      this.#events.pop();
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
    return done();
  }

  server(id: string): Server {
    return this.servers.find((server) => server.id === id) as Server;
  }

  /** The leader of the highest term among the living. */
  leader(): Server | undefined {
    let best: Server | undefined;
    for (const server of this.servers) {
      if (server.node?.role !== 'leader') continue;
      if (best === undefined || server.node.term > (best.node?.term ?? 0)) best = server;
    }
    return best;
  }

  start(server: Server): void {
    const { disk } = server;
    const snapshot = disk.snapshots.at(-1);
    const point = snapshot?.at ?? { index: 0, term: 0 };
    const log = LogView.from(point, disk.entries);
    disk.entries = [...log.entries()];
    server.life += 1;
    server.queue = [];
    server.writing = false;
    server.durable = 0;
    server.deferred = [];
    server.armedMs = Number.POSITIVE_INFINITY;
    server.waiting = new Map();
    server.pending = [];
    server.state = [...(snapshot?.state ?? [])];
    const configuration = snapshot?.configuration ?? {
      index: 0,
      configuration: EMPTY_CONFIGURATION,
    };
    this.checker.started(server.id, point.index);
    this.#settle(
      server,
      startNode({
        self: { id: server.id, address: server.address },
        settings: this.#settings,
        seed: this.below(2 ** 31),
        stored: { hardState: disk.hardState, log, configuration },
        nowMs: this.nowMs,
      }),
    );
  }

  /** Ends a life. Of what was being written, any prefix may have reached the disk. */
  crash(server: Server): void {
    if (server.node === undefined) return;
    const reached = this.below(server.queue.length + 1);
    for (const effect of server.queue.slice(0, reached)) write(server.disk, effect);
    server.node = undefined;
    server.life += 1;
    for (const { done } of server.pending.splice(0)) done(false, 0);
  }

  /** Ends a life and all that it has kept: the server comes back under its name with nothing. */
  loseDisk(server: Server): void {
    this.crash(server);
    Object.assign(server.disk, emptyDisk());
  }

  bootstrap(server: Server, members: readonly Server[]): void {
    const servers = members.map(member);
    this.input(server, {
      type: 'cluster.bootstrap',
      configuration: { servers },
      reply: { answer: () => {}, refuse: () => {} },
    });
  }

  propose(server: Server, data: string): void {
    const reply = { answer: () => {}, refuse: () => {} };
    const tagged = Object.assign(reply, { data });
    const whole = { data: Buffer.from(data), extensions: null };
    const proposal = { kind: 'command', ...whole, reply: tagged } as const;
    this.input(server, { type: 'proposals.submitted', proposals: [proposal] });
  }

  change(server: Server, change: MemberChange, done: (error: string) => void = () => {}): void {
    const reply = { answer: () => done(''), refuse: (error: Error) => done(error.message) };
    this.input(server, { type: 'configuration.change', change, prevIndex: 0, reply });
  }

  transfer(server: Server, to: Server | null, done: (error: string) => void = () => {}): void {
    const reply = { answer: () => done(''), refuse: (error: Error) => done(error.message) };
    const target = to === null ? null : { id: to.id, address: to.address };
    this.input(server, { type: 'leadership.transfer', to: target, reply });
  }

  verify(server: Server, done: (ok: boolean) => void): void {
    const reply = { answer: () => done(true), refuse: () => done(false) };
    this.input(server, { type: 'leadership.verify', reply });
  }

  input(server: Server, input: Input): void {
    if (server.node === undefined) return;
    this.steps += 1;
    this.#settle(server, stepNode(server.node, input));
  }

  #settle(server: Server, { node, effects }: Stepped): void {
    const before = server.node;
    server.node = node;
    this.checker.stepped(server.id, before, node);
    for (const effect of effects) this.#carryOut(server, effect);
  }

  #carryOut(server: Server, effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        server.queue.push(effect);
        this.#write(server);
        return;
      case 'send':
        this.#when(server, effect.after, () => this.#send(server, effect.to, effect.message));
        return;
      case 'answer': {
        const answer = server.waiting.get(effect.ticket);
        server.waiting.delete(effect.ticket);
        this.#when(server, effect.after, () => answer?.(effect.error, effect.response));
        return;
      }
      case 'apply':
        this.#apply(server, effect);
        return;
      case 'accept':
        effect.replies.forEach((reply, at) => {
          const index = effect.firstIndex + at;
          server.pending.push({ index, done: this.#acknowledge(server, reply) });
        });
        return;
      case 'applied':
        while ((server.pending[0]?.index ?? Number.POSITIVE_INFINITY) <= effect.throughIndex) {
          const { index, done } = server.pending.shift() as Server['pending'][0];
          done(true, index);
        }
        return;
      case 'abandon':
        for (const { done } of server.pending.splice(0)) done(false, 0);
        return;
      case 'settle':
        this.#when(server, effect.after, () => effect.reply.answer(null));
        return;
      case 'refuse':
        for (const reply of effect.replies) reply.refuse(new Error(effect.text ?? effect.error));
        return;
      case 'snapshot.take':
        this.#takeSnapshot(server, effect);
        return;
      case 'snapshot.receive':
        return;
      case 'compact':
        server.disk.entries = server.disk.entries.filter((one) => one.Index > effect.through);
        return;
      case 'clock.arm':
        this.#arm(server, effect.atMs);
        return;
      default:
        return;
    }
  }

  #acknowledge(server: Server, reply: object): (ok: boolean, index: number) => void {
    const data = (reply as { data?: string }).data;
    const original = reply as { answer(value: null): void; refuse(error: Error): void };
    return (ok, index) => {
      if (!ok) {
        original.refuse(new Error('leadership lost while committing log'));
        return;
      }
      if (data !== undefined) {
        this.acknowledged.push({ index, data });
        this.checker.acknowledged(server.id, index, data);
      }
      original.answer(null);
    };
  }

  #alive(server: Server, run: () => void): () => void {
    const { life } = server;
    return () => {
      if (server.life === life) run();
    };
  }

  #when(server: Server, after: number, run: () => void): void {
    if (after <= server.durable) run();
    else server.deferred.push({ after, run });
  }

  /** One write at a time; what comes meanwhile goes with the next. */
  #write(server: Server): void {
    if (server.writing) return;
    server.writing = true;
    const written = server.queue.length;
    const finish = this.#alive(server, () => {
      server.writing = false;
      const batch = server.queue.splice(0, written);
      for (const effect of batch) write(server.disk, effect);
      server.durable = (batch.at(-1) as Persist).sequence;
      const ready = server.deferred.filter((one) => one.after <= server.durable);
      server.deferred = server.deferred.filter((one) => one.after > server.durable);
      for (const one of ready) one.run();
      const { durable: sequence } = server;
      this.input(server, { type: 'storage.persisted', nowMs: this.nowMs, sequence });
      if (server.queue.length > 0) this.#write(server);
    });
    this.at(this.float() * this.faults.writeMsMax, finish);
  }

  #apply(server: Server, effect: Extract<Effect, { type: 'apply' }>): void {
    const finish = this.#alive(server, () => {
      for (const entry of effect.entries) {
        const data = Buffer.from(entry.Data ?? []).toString();
        this.checker.applied(server.id, entry.Index, data);
        server.state.push(data);
      }
      const { throughIndex } = effect;
      this.input(server, { type: 'entries.applied', throughIndex, responses: [] });
    });
    this.at(this.float() * 2, finish);
  }

  #takeSnapshot(server: Server, effect: Extract<Effect, { type: 'snapshot.take' }>): void {
    // Whatever is with the state machine now is in the snapshot: freeze when it has answered.
    const freeze = this.#alive(server, () => {
      if ((server.node as RaftNode).appliedIndex < effect.at.index) {
        this.at(1, freeze);
        return;
      }
      const { at, configuration } = effect;
      const state = this.checker.stateAt(at.index);
      const finish = this.#alive(server, () => {
        server.disk.snapshots = [...server.disk.snapshots, { at, configuration, state }]
          .sort((a, b) => a.at.index - b.at.index)
          .slice(-2);
        this.input(server, { type: 'snapshot.taken', nowMs: this.nowMs, at });
      });
      this.at(this.float() * 50, finish);
    });
    freeze();
  }

  #arm(server: Server, atMs: number): void {
    if (atMs >= server.armedMs) return;
    server.armedMs = atMs;
    const due = this.#alive(server, () => {
      if (server.armedMs !== atMs) return;
      server.armedMs = Number.POSITIVE_INFINITY;
      this.input(server, { type: 'clock.reached', nowMs: this.nowMs, wallMs: 0 });
    });
    this.at(Math.max(0, atMs - this.nowMs), due);
  }

  #passes(from: string, to: string): boolean {
    return !this.faults.cut.has(`${from}>${to}`) && this.float() >= this.faults.loss;
  }

  #send(from: Server, to: RaftServer, message: PeerMessage): void {
    const target = this.servers.find((server) => server.id === to.id);
    let over = false;
    const reply = (answer: PeerAnswer): void => {
      if (over) return;
      over = true;
      this.input(from, {
        type: 'answers.received',
        nowMs: this.nowMs,
        answers: [{ from: to.id, answer }],
      });
    };
    const epoch = 'epoch' in message ? message.epoch : 0;
    const failed = this.#alive(from, () =>
      reply({
        kind: 'failed',
        of: message.kind,
        term: message.term,
        epoch,
        error: new Error('lost'),
      }),
    );
    if (target === undefined || !this.#passes(from.id, to.id)) {
      this.at(20 + this.float() * 200, failed);
      return;
    }
    const snapshot = from.disk.snapshots.at(-1);
    const request = requestOf(from, message, snapshot);
    if (request === undefined) {
      this.at(1, failed);
      return;
    }
    const receive = (): void => {
      if (target.node === undefined) {
        this.at(1, failed);
        return;
      }
      const answer = (error: string, response: RaftResponse | null): void => {
        if (response?.rpc === 'request-vote' && response.body.Granted) {
          this.checker.voted(target.id, response.body.Term, from.id);
        }
        const deliver = this.#alive(from, () => {
          if (message.kind === 'timeout-now' && error === '') {
            over = true;
            return;
          }
          const back = error === '' ? answerOf(message, response, snapshot) : undefined;
          if (back === undefined) failed();
          else reply(back);
        });
        if (this.#passes(to.id, from.id)) this.at(this.float() * this.faults.delayMsMax, deliver);
        else this.at(20 + this.float() * 200, failed);
      };
      this.#receive(target, request, snapshot, answer);
    };
    this.at(this.float() * this.faults.delayMsMax, receive);
    // The time limit of a connection: whoever crashed will not answer.
    this.at(2000, failed);
  }

  #receive(
    server: Server,
    request: RaftRequest,
    snapshot: ModelSnapshot | undefined,
    answer: (error: string, response: RaftResponse | null) => void,
  ): void {
    const ticket = ++server.tickets;
    server.waiting.set(ticket, answer);
    const requests = [{ ticket, request }];
    this.input(server, { type: 'requests.received', nowMs: this.nowMs, requests });
    if (server.node?.installing !== ticket || snapshot === undefined) return;
    const install = this.#alive(server, () => {
      if (this.float() < 0.2) {
        const error = 'short read';
        this.input(server, { type: 'snapshot.refused', nowMs: this.nowMs, ticket, error });
        return;
      }
      server.disk.snapshots = [...server.disk.snapshots, snapshot]
        .sort((a, b) => a.at.index - b.at.index)
        .slice(-2);
      server.state = [...snapshot.state];
      this.checker.started(server.id, snapshot.at.index);
      const { at, configuration } = snapshot;
      this.input(server, {
        type: 'snapshot.installed',
        nowMs: this.nowMs,
        ticket,
        at,
        configuration,
      });
    });
    this.at(this.float() * 100, install);
  }
}

function newServer(at: number): Server {
  return {
    id: `s${at}`,
    address: `10.0.0.${at}:8300`,
    disk: emptyDisk(),
    node: undefined,
    life: 0,
    queue: [],
    writing: false,
    durable: 0,
    deferred: [],
    state: [],
    armedMs: Number.POSITIVE_INFINITY,
    tickets: 0,
    waiting: new Map(),
    pending: [],
  };
}

export function member(server: { readonly id: string; readonly address: string }): RaftServer {
  return { suffrage: 'voter', id: server.id, address: server.address };
}
