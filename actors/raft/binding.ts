/**
 * What the effects of the raft node do in the world: disk, peers, connections, state machine, one
 * timer. One binding belongs to one running actor.
 */

import type { AnyReply, Effect, Input, PeerAnswer, RaftNode } from '../../machines/raft/node.ts';
import type { RaftEvent } from '../../machines/raft/raft.ts';
import { viewOf } from '../../machines/raft/step.ts';
import { type Post, receiversOf } from '../../machines/routes.ts';
import type { RaftConfiguration, RaftServer } from '../../src/consensus/configuration.ts';
import { ConsensusError, type StoredSnapshot } from '../../src/consensus/consensus.ts';
import { toError } from '../../src/error-text.ts';
import type { Log } from '../../src/log.ts';
import { soon } from '../../src/microtask.ts';
import { RefusalLog } from '../../src/port/refusal-log.ts';
import { stackless } from '../../src/stackless.ts';
import type { ByteStream, TimerId, World } from '../../src/world/world.ts';
import { Inbound } from './inbound.ts';
import { LeaderWatch } from './leader-watch.ts';
import { Peer, type RaftDial } from './peer.ts';
import { PendingReplies } from './pending.ts';
import { recoverIfAsked } from './recovery.ts';
import { adoptSnapshot, receiveSnapshot, takeSnapshot } from './snapshots.ts';
import { StateMachine } from './state-machine.ts';
import { RaftStorage } from './storage.ts';

/** Who hears of leadership and of the node's view: all that the route table names. */
const LISTENERS = {
  gained: receiversOf('raft', 'leadership.gained'),
  lost: receiversOf('raft', 'leadership.lost'),
  changed: receiversOf('raft', 'raft.changed'),
} as const;

/** A timer that fires this much too late tells of a stall of the process. */
const STALL_MS = 50;

export interface RaftActorDeps {
  readonly world: World;
  readonly post: Post<'raft'>;
  readonly log: Log;
  /** `<data-dir>/raft`. */
  readonly directory: string;
  readonly self: { readonly id: string; readonly address: string };
  readonly dial: RaftDial;
  readonly segmentBytesMax?: number;
  /** Until this has settled somebody else may still write the files. */
  readonly before?: Promise<void>;
}

/** The running actor, as its binding sees it. */
export interface RaftHost {
  send(event: RaftEvent): void;
  node(): RaftNode | undefined;
}

type EffectOf<T extends Effect['type']> = Extract<Effect, { type: T }>;

interface Deferred {
  readonly after: number;
  run(): void;
}

export class RaftBinding {
  readonly #deps: RaftActorDeps;
  readonly #host: RaftHost;
  readonly #pending = new PendingReplies();
  readonly #peers = new Map<string, Peer>();
  readonly #inbound: Inbound;
  readonly #state: StateMachine;
  #storage: RaftStorage | undefined;
  #deferred: Deferred[] = [];
  #durable = 0;
  #answers: { readonly from: string; readonly answer: PeerAnswer }[] = [];
  #timer: TimerId | undefined;
  #armedMs = Number.POSITIVE_INFINITY;
  #snapshots: Promise<void> = Promise.resolve();
  /** Takes the place of a damaged snapshot; one for all that wait. */
  #renewing: Promise<StoredSnapshot> | undefined;
  #closed = false;
  #opening: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Said to be gained and not yet to be lost. */
  #leadsTerm: number | undefined;

  constructor(deps: RaftActorDeps, host: RaftHost) {
    this.#deps = deps;
    this.#host = host;
    this.#state = new StateMachine(deps.post, deps.world.clock);
    const losses = new RefusalLog(deps.log, deps.world.clock, 'a raft connection is lost');
    const watch = new LeaderWatch({
      clock: deps.world.clock,
      dial: deps.dial,
      leader: () => (this.#closed ? undefined : host.node()?.leader),
      gone: (address) => this.#send({ type: 'leader.gone', nowMs: this.#nowMs(), address }),
    });
    this.#inbound = new Inbound(deps.world.clock, {
      requests: (requests) =>
        this.#send({ type: 'requests.received', nowMs: this.#nowMs(), requests }),
      lost: (stream, reason) => losses.refused(stream.remote, reason),
      leaderHungUp: (address) => void watch.connectionEnded(address),
    });
  }

  /** Reads the disk and restores the state machine, then tells the node. */
  open(): void {
    const { world, log, directory, self, segmentBytesMax, before } = this.#deps;
    const listener = {
      persisted: (sequence: number) => this.#persisted(sequence),
      failed: (error: Error) => this.#send({ type: 'storage.failed', nowMs: this.#nowMs(), error }),
      recovered: () => this.#send({ type: 'storage.recovered', nowMs: this.#nowMs() }),
    };
    const limits = segmentBytesMax === undefined ? {} : { segmentBytesMax };
    const open = async (): Promise<void> => {
      await before;
      if (this.#closed) return;
      const options = { world, log, directory, listener, ...limits };
      const { storage, stored } = await RaftStorage.open(
        options,
        (snapshot) => this.#state.restore(snapshot),
        (found) =>
          recoverIfAsked({ disk: world.disk, log, directory, self, state: this.#state }, found),
      );
      this.#storage = storage;
      if (!this.#closed) {
        this.#host.send({ type: 'storage.opened', nowMs: this.#nowMs(), stored });
      }
    };
    this.#opening = open().catch((error: unknown) => {
      if (this.#closed) return;
      this.#host.send({ type: 'storage.unreadable', error: toError(error) });
    });
  }

  /** Safe to call again. Nobody is told anything more by this binding. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    if (this.#leadsTerm !== undefined) this.#leadershipLost(this.#leadsTerm);
    if (this.#timer !== undefined) this.#deps.world.clock.clearTimeout(this.#timer);
    this.#pending.abandon(new ConsensusError('shutdown'));
    this.#inbound.close();
    for (const peer of this.#peers.values()) peer.close();
    await this.#opening;
    await this.#storage?.close();
  }

  accept(stream: ByteStream): void {
    this.#inbound.accept(stream);
  }

  /** Who asked before there was a node to ask, or after its end. */
  turnAway(replies: readonly AnyReply[]): void {
    this.#refuse({ replies, error: 'not-leader' });
  }

  carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        this.#storage?.persist(effect);
        return;
      case 'compact':
        this.#storage?.compact(effect.through);
        return;
      case 'send':
        this.#sendTo(effect);
        return;
      case 'answer':
        this.#answer(effect);
        return;
      case 'apply':
        this.#apply(effect);
        return;
      case 'applied':
        this.#pending.applied(effect.throughIndex, effect.responses);
        return;
      case 'accept':
        this.#pending.add(effect.firstIndex, effect.replies);
        return;
      case 'abandon':
        this.#pending.abandon(stackless(() => new ConsensusError(effect.error)));
        return;
      case 'settle':
        this.#when(effect.after, () => effect.reply.answer(null));
        return;
      case 'refuse':
        this.#refuse(effect);
        return;
      case 'leadership.gained':
        this.#leadershipGained(effect.term);
        return;
      case 'leadership.lost':
        this.#leadershipLost(effect.term);
        return;
      case 'view.changed':
        this.#viewChanged();
        return;
      case 'clock.arm':
        this.#arm(effect.atMs);
        return;
      case 'note':
        this.#deps.log[effect.level](effect.text, effect.fields);
        return;
      default:
        this.#carryOutSnapshot(effect);
    }
  }

  #carryOutSnapshot(effect: EffectOf<`snapshot.${string}` & Effect['type']>): void {
    switch (effect.type) {
      case 'snapshot.take':
        this.#takeSnapshot(effect);
        return;
      case 'snapshot.receive':
        this.#receiveSnapshot(effect);
        return;
      case 'snapshot.adopt':
        this.#adoptSnapshot(effect);
        return;
      case 'snapshot.load':
        this.#loadSnapshot(effect);
        return;
      case 'snapshot.drop':
        this.#dropSnapshot(effect);
        return;
      default:
        effect satisfies never;
    }
  }

  #sendTo({ to, after, message }: EffectOf<'send'>): void {
    this.#when(after, () => this.#peer(to).send(message));
  }

  #answer({ ticket, after, error, response }: EffectOf<'answer'>): void {
    this.#when(after, () => this.#inbound.answer(ticket, error, response));
  }

  #apply({ entries, throughIndex }: EffectOf<'apply'>): void {
    this.#pending.applying(entries.map((entry) => entry.Index));
    this.#state.apply(entries, throughIndex);
  }

  #refuse({ replies, error, text }: Omit<EffectOf<'refuse'>, 'type'>): void {
    const refusal = (): ConsensusError => new ConsensusError(error, text);
    for (const reply of replies) reply.refuse(stackless(refusal));
  }

  /** Snapshots are taken one after the other. */
  #takeSnapshot(effect: EffectOf<'snapshot.take'>): void {
    const take = async (): Promise<void> => {
      // The state is frozen now, behind the batches already sent, even if the writing has to wait.
      const frozen = this.#state.freeze();
      frozen.catch(() => {});
      const before = this.#snapshots;
      await before;
      await takeSnapshot(this.#openStorage().snapshots, effect, frozen);
    };
    this.#snapshots = take().then(
      () => this.#send({ type: 'snapshot.taken', nowMs: this.#nowMs(), at: effect.at }),
      (error: unknown) => {
        if (effect.reply === undefined) {
          this.#deps.log.error('no snapshot could be taken', { error });
        } else {
          const text = `failed to take snapshot: ${toError(error).message}`;
          effect.reply.refuse(new ConsensusError('storage', text, { cause: error }));
        }
        this.#send({ type: 'snapshot.taken', nowMs: this.#nowMs(), at: undefined });
      },
    );
  }

  #receiveSnapshot({ ticket, request }: EffectOf<'snapshot.receive'>): void {
    const progressed = (): void =>
      this.#send({ type: 'snapshot.progressed', nowMs: this.#nowMs(), ticket });
    receiveSnapshot({
      request,
      chunks: this.#inbound.state(ticket),
      snapshots: this.#openStorage().snapshots,
      restore: (snapshot) => this.#state.restore(snapshot),
      progressed,
    }).then(
      ({ at, configuration }) =>
        this.#send({
          type: 'snapshot.installed',
          nowMs: this.#nowMs(),
          ticket,
          at,
          configuration,
        }),
      (error: unknown) =>
        this.#send({
          type: 'snapshot.refused',
          nowMs: this.#nowMs(),
          ticket,
          error: toError(error).message,
        }),
    );
  }

  #adoptSnapshot({ at, configuration, size, chunks }: EffectOf<'snapshot.adopt'>): void {
    const { snapshots } = this.#openStorage();
    adoptSnapshot(snapshots, { at, configuration, size, chunks }).then(
      (snapshot) =>
        this.#send({
          type: 'snapshot.adopted',
          nowMs: this.#nowMs(),
          at,
          configuration,
          snapshot,
        }),
      (error: unknown) =>
        this.#send({
          type: 'snapshot.unadopted',
          nowMs: this.#nowMs(),
          error: toError(error).message,
        }),
    );
  }

  #loadSnapshot({ snapshot, reply }: EffectOf<'snapshot.load'>): void {
    this.#state.restore(snapshot).then(
      () => this.#send({ type: 'snapshot.loaded', nowMs: this.#nowMs(), reply }),
      (error: unknown) => {
        const failure = toError(error);
        reply?.refuse(new ConsensusError('storage', failure.message, { cause: error }));
        this.#send({ type: 'snapshot.unloaded', nowMs: this.#nowMs(), error: failure });
      },
    );
  }

  #dropSnapshot({ snapshot }: EffectOf<'snapshot.drop'>): void {
    this.#openStorage()
      .snapshots.remove(snapshot)
      .catch((error: unknown) =>
        this.#deps.log.error('a snapshot could not be removed', { snapshot: snapshot.id, error }),
      );
  }

  #leadershipGained(term: number): void {
    this.#leadsTerm = term;
    for (const to of LISTENERS.gained)
      this.#deps.post.send(to, { type: 'leadership.gained', term });
  }

  #leadershipLost(term: number): void {
    this.#leadsTerm = undefined;
    for (const to of LISTENERS.lost) this.#deps.post.send(to, { type: 'leadership.lost', term });
  }

  /** Publishes once the step is over, so that the view is that of its end. */
  #viewChanged(): void {
    soon(() => {
      const node = this.#host.node();
      if (node === undefined || this.#closed) return;
      const view = viewOf(node, this.#nowMs());
      this.#forgetPeers(view.configuration);
      const message = { type: 'raft.changed', view } as const;
      for (const to of LISTENERS.changed) this.#deps.post.send(to, message);
    });
  }

  /** One timer, moved forward only when needed: a step too early is harmless and arms it again. */
  #arm(atMs: number): void {
    if (atMs >= this.#armedMs || this.#closed) return;
    const { clock } = this.#deps.world;
    if (this.#timer !== undefined) clock.clearTimeout(this.#timer);
    this.#armedMs = atMs;
    const reached = (): void => {
      this.#timer = undefined;
      this.#armedMs = Number.POSITIVE_INFINITY;
      const wallMs = clock.now();
      this.#send({ type: 'clock.reached', nowMs: this.#nowMs(), wallMs });
    };
    const waitMs = Math.max(0, Math.ceil(atMs - this.#nowMs()));
    this.#timer = clock.setTimeout(() => {
      // After a stall the answers that came meanwhile are read first, lest we judge peers by it.
      if (this.#nowMs() - atMs > STALL_MS) this.#timer = clock.setTimeout(reached, 0);
      else reached();
    }, waitMs);
  }

  #openStorage(): RaftStorage {
    if (this.#storage === undefined) throw new Error('the raft storage is not open');
    return this.#storage;
  }

  #nowMs(): number {
    return this.#deps.world.clock.monotonic();
  }

  #send(input: Input): void {
    if (!this.#closed) this.#host.send(input);
  }

  #when(after: number, run: () => void): void {
    if (after <= this.#durable) run();
    else this.#deferred.push({ after, run });
  }

  #persisted(sequence: number): void {
    this.#durable = Math.max(this.#durable, sequence);
    if (this.#closed) return;
    const ready = this.#deferred.filter((one) => one.after <= sequence);
    if (ready.length > 0) this.#deferred = this.#deferred.filter((one) => one.after > sequence);
    for (const one of ready) one.run();
    this.#send({ type: 'storage.persisted', nowMs: this.#nowMs(), sequence });
  }

  #peer(server: RaftServer): Peer {
    const known = this.#peers.get(server.id);
    if (known !== undefined) {
      known.server = server;
      return known;
    }
    const { world, self, dial } = this.#deps;
    const settings = this.#host.node()?.settings;
    const peer = new Peer(server, {
      clock: world.clock,
      self,
      dial,
      ...(settings && { controlTimeoutMs: settings.heartbeatTimeoutMs }),
      newestSnapshot: () => this.#snapshotToSend(),
      answered: (answer) => this.#answered(server.id, answer),
    });
    this.#peers.set(server.id, peer);
    return peer;
  }

  /** The snapshot that the log goes on from; taken anew when the one on disk turned out damaged. */
  async #snapshotToSend(): Promise<StoredSnapshot> {
    const newest = await this.#openStorage().snapshots.newest();
    const needed = this.#host.node()?.log.snapshot.index ?? 0;
    if (newest !== undefined && newest.index >= needed) return newest;
    this.#renewing ??= new Promise<StoredSnapshot>((answer, refuse) => {
      this.#send({ type: 'snapshot.create', reply: { answer, refuse } });
    }).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Answers that arrive together make one batch. */
  #answered(from: string, answer: PeerAnswer): void {
    this.#answers.push({ from, answer });
    if (this.#answers.length > 1) return;
    soon(() => {
      const answers = this.#answers;
      this.#answers = [];
      this.#send({ type: 'answers.received', nowMs: this.#nowMs(), answers });
    });
  }

  #forgetPeers(configuration: RaftConfiguration): void {
    const ids = new Set(configuration.servers.map((server) => server.id));
    for (const [id, peer] of this.#peers) {
      if (ids.has(id)) continue;
      peer.close();
      this.#peers.delete(id);
    }
  }
}
