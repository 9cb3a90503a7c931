/**
 * A server on a simulated host: consensus, state machine, leader memory and the endpoints that
 * answer for them, on the tree that the agent uses. Gossip, doors and ports are left out: what is
 * proved here is that the group keeps its promises, thousands of times an hour.
 */

import { setMaxListeners } from 'node:events';
import type { InspectionEvent } from 'xstate';
import { agentTree } from '../../../actors/agent/tree.ts';
import { type Bus, createBus } from '../../../actors/bus.ts';
import { createFsmActor } from '../../../actors/fsm.ts';
import { DamageError } from '../../../actors/raft/damage.ts';
import { type CreatedRaft, createRaft } from '../../../actors/raft/raft.ts';
import { createServerActor } from '../../../actors/server/server.ts';
import { createSessionTtlActor } from '../../../actors/server/session-ttl.ts';
import { createTombstoneGcActor } from '../../../actors/server/tombstone-gc.ts';
import { createSupervisorActor, type Root, startRoot } from '../../../actors/supervisor.ts';
import type { RaftSettings } from '../../../machines/raft/limits.ts';
import type { RaftNode } from '../../../machines/raft/node.ts';
import type { TombstoneGcInput } from '../../../machines/server/tombstone-gc.ts';
import type { ChildSpec } from '../../../machines/supervisor.types.ts';
import type { Consensus } from '../../../src/consensus/consensus.ts';
import { COMMAND_TYPES } from '../../../src/fsm/command-types.ts';
import { Fsm } from '../../../src/fsm/fsm.ts';
import { createRaftApply } from '../../../src/fsm/raft-apply.ts';
import { createMemoryLog, type MemoryLog, silentLog } from '../../../src/log.ts';
import { Session, SessionRequest } from '../../../src/model/session.ts';
import { catalogEndpoints } from '../../../src/rpc/endpoints/catalog.ts';
import type { EndpointDeps } from '../../../src/rpc/endpoints/deps.ts';
import { kvsEndpoints } from '../../../src/rpc/endpoints/kvs.ts';
import { sessionEndpoints } from '../../../src/rpc/endpoints/session.ts';
import type { RpcMethod, ServedMethod } from '../../../src/rpc/method.ts';
import { sessions } from '../../../src/store/index.ts';
import { LockDelays } from '../../../src/store/lock-delays.ts';
import { SessionTimers } from '../../../src/store/session-timers.ts';
import type { StoreView } from '../../../src/store/view.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { SimulatedHost, Simulation } from '../../../src/world/simulated/simulation.ts';
import type { World } from '../../../src/world/world.ts';

export const DATACENTER = 'dc1';
const PORT = 8300;
const DIAL_TIMEOUT_MS = 10_000;
/** Small, so that a run of seconds sees segments begin and go. */
const SEGMENT_BYTES_MAX = 16_384;
/** The end of a log: what was written last, or a little more. */
const LATEST_BYTES = 600;

/** Sessions live so many times shorter than they say, so that seconds are enough to see them end. */
export const SESSION_HASTE = 10;

/** Tombstones too: long enough for leaders to change meanwhile. */
export const TOMBSTONE_TIMES: TombstoneGcInput = { ttlMs: 12_000, stepMs: 4_000 };

/** Who watches what happens inside of servers. */
export interface ServerObserver {
  /** After each step of the raft node; `before` is absent for the first of a life. */
  stepped(server: SimulatedServer, before: RaftNode | undefined, after: RaftNode): void;
  /** It does not start, since its disk is damaged; nobody has damaged it. */
  refused(server: SimulatedServer, damage: DamageError): void;
  /** Something happens in the actor system. Absent when nobody looks: it costs a tenth of all. */
  readonly inspected: ((server: SimulatedServer, event: InspectionEvent) => void) | undefined;
  /** A message between actors is delivered. */
  delivered(
    server: SimulatedServer,
    letter: { readonly from: string; readonly to: string; readonly message: { type: string } },
  ): void;
}

/** What runs on a host from one start to one end. */
interface Life {
  readonly root: Root;
  readonly bus: Bus;
  readonly consensus: Consensus;
  readonly fsm: Fsm;
  readonly methods: ReadonlyMap<string, ServedMethod>;
  readonly gone: AbortController;
  node: RaftNode | undefined;
}

export class SimulatedServer {
  /** Changes when a server comes back without its disk: it is another one to the group. */
  id: string;
  readonly number: number;
  readonly address: string;
  readonly host: SimulatedHost;
  readonly log: MemoryLog = createMemoryLog();
  readonly #settings: RaftSettings;
  readonly #observer: ServerObserver;
  #life: Life | undefined;
  #lives = 0;
  #disks = 1;
  #rotten = false;

  constructor(
    simulation: Simulation,
    number: number,
    settings: RaftSettings,
    observer: ServerObserver,
  ) {
    this.number = number;
    this.id = `s${number}`;
    const ip = `10.0.0.${number}`;
    this.address = `${ip}:${PORT}`;
    this.host = simulation.host({ name: `s${number}`, addresses: [ip] });
    this.#settings = settings;
    this.#observer = observer;
  }

  get up(): boolean {
    return this.#life !== undefined;
  }

  /** Counts its starts. */
  get lives(): number {
    return this.#lives;
  }

  get node(): RaftNode | undefined {
    return this.#life?.node;
  }

  get consensus(): Consensus | undefined {
    return this.#life?.consensus;
  }

  get store(): StoreView | undefined {
    return this.#life?.fsm.store.view();
  }

  /** Bytes of its state as a snapshot would have them. */
  state(): Buffer {
    return Buffer.concat([...(this.#life?.fsm.freeze().chunks ?? [])]);
  }

  start(): void {
    if (this.up) return;
    this.#lives += 1;
    const life = this.#begin();
    this.#life = life;
    life.root.ended.then(
      () => this.#over(life),
      (error: unknown) => {
        this.log.error('the server gave up', { error });
        if (this.#life !== life) return;
        this.#over(life);
        const damage = damageIn(error);
        if (damage !== undefined) this.#refused(damage);
      },
    );
  }

  /** `kill`: the process ends. `crash`: the power fails, and with it what was not synced. */
  end(how: 'kill' | 'crash'): void {
    this.#life?.gone.abort();
    this.#life = undefined;
    this.host[how]();
  }

  /** Power fails, and there is a new disk when it is back: nothing tells that server who it was. */
  loseDisk(): void {
    this.end('crash');
    this.host.disk.wipe();
    this.#rotten = false;
    this.#disks += 1;
    this.id = `${this.host.name}-${this.#disks}`;
  }

  /**
   * A bit of a file turns around, as often as not of what the log was told last: there damage has to
   * be told from what a loss of power leaves. Returns the file.
   */
  rot(random: SeededRandom): string {
    this.#rotten = true;
    const { disk } = this.host;
    const newest = disk.files.findLast((path) => path.endsWith('.wal'));
    if (newest !== undefined && random.chance(0.5)) {
      const last = 8 * disk.sizeOf(newest) - 1;
      disk.flipBit(newest, Math.floor(Math.max(0, last - random.between(0, 8 * LATEST_BYTES))));
      return newest;
    }
    const path = disk.files[Math.floor(random.float() * disk.files.length)] as string;
    disk.flipBit(path, random.uint32());
    return path;
  }

  /** Whether this is no longer the server that the group was founded with, or is about to be. */
  get replaced(): boolean {
    return this.#rotten || this.#disks > 1;
  }

  /** Calls an endpoint of this server, as a client that has it for its own. */
  async call<Request, Reply>(
    method: RpcMethod<Request, Reply>,
    request: Request,
    signal?: AbortSignal,
  ): Promise<Reply> {
    await this.host.thawed();
    const life = this.#life;
    const served = life?.methods.get(method.name);
    if (life === undefined || served === undefined) throw new Error('connection refused');
    const origin = { remote: null, signal: signal ?? life.gone.signal };
    return (await served.handle(request, origin)) as Reply;
  }

  /** Who cannot read its disk does not serve: the process has ended. */
  #over(life: Life): void {
    if (this.#life === life) this.end('kill');
  }

  /** What the message advises: its disk is emptied, and it is started as another server. */
  #refused(damage: DamageError): void {
    if (!this.#rotten) {
      this.#observer.refused(this, damage);
      return;
    }
    this.loseDisk();
    this.start();
  }

  #begin(): Life {
    const { world } = this.host;
    const { log } = this;
    const bus = createBus({ clock: world.clock, log, houses: () => false });
    bus.observe((letter) => {
      if (this.#life?.bus === bus) this.#observer.delivered(this, letter);
    });
    let life: Life | undefined;
    const fsm = new Fsm({ log });
    const lockDelays = new LockDelays(world.clock);
    const self = { id: this.id, address: this.address };
    const { logic, consensus } = createRaft({
      world,
      post: bus.postFor('raft'),
      consensusPost: bus.postFor('consensus'),
      log,
      directory: '/data/raft',
      self,
      dial: ({ address }) => dial(world, address),
      segmentBytesMax: SEGMENT_BYTES_MAX,
    });
    const raftApply = createRaftApply({ consensus, random: world.random, log });
    const timers = sessionTimers(world, raftApply, log);
    let ready = false;
    const state: ChildSpec[] = [
      permanent(
        'fsm',
        createFsmActor({ post: bus.postFor('fsm'), fsm, lockDelays, clock: world.clock }),
      ),
      permanent(
        'raft',
        this.#watched(logic, () => life),
        {
          self,
          settings: this.#settings,
          seed: world.random.uint32(),
        },
      ),
    ];
    const server: ChildSpec[] = [
      permanent(
        'server',
        createServerActor({
          post: bus.postFor('server'),
          log,
          consensus,
          readinessChanged: (is) => {
            ready = is;
          },
          gatewaysChanged: () => {},
          serveSnapshot: (stream) => stream.destroy(),
        }),
      ),
      permanent(
        'session-ttl',
        createSessionTtlActor({
          log,
          consensus,
          timers,
          sessions: () => sessions(fsm.store.view()).result,
        }),
      ),
      permanent(
        'tombstone-gc',
        createTombstoneGcActor({ log, datacenter: DATACENTER, store: fsm.store, raftApply }),
        TOMBSTONE_TIMES,
      ),
    ];
    const none = { agent: [], pools: [], local: [], doors: [], joiners: [] };
    const deps = endpointDeps(
      { world, fsm, consensus, raftApply, timers, lockDelays },
      () => ready,
    );
    const methods = [...kvsEndpoints(deps), ...catalogEndpoints(deps), ...sessionEndpoints(deps)];
    const { inspected } = this.#observer;
    const root = startRoot({
      logic: createSupervisorActor({ log }),
      input: agentTree({ ...none, state, server }, log),
      name: 'mobius',
      clock: world.clock,
      bus,
      ...(inspected === undefined
        ? {}
        : { inspect: (event: InspectionEvent) => inspected(this, event) }),
    });
    life = {
      root,
      bus,
      consensus,
      fsm,
      methods: new Map(methods.map((served) => [served.method.name, served])),
      gone: endOfLife(),
      node: undefined,
    };
    listen(world, this.address, bus);
    return life;
  }

  /** The node after each of its steps, before anything of it is carried out. */
  #watched(logic: CreatedRaft['logic'], life: () => Life | undefined): CreatedRaft['logic'] {
    const { carryOut } = logic.implementations.actions;
    if (typeof carryOut !== 'function') throw new Error('raft effects are not carried out');
    return logic.provide({
      actions: {
        carryOut: (scope, params) => {
          const at = life();
          const after = scope.context.node;
          // What a process that has just died still does changes nothing, nor is it this server's.
          if (at !== undefined && at === this.#life && after !== undefined) {
            const before = at.node;
            at.node = after;
            this.#observer.stepped(this, before, after);
          }
          carryOut(scope, params);
        },
      },
    });
  }
}

function damageIn(error: unknown): DamageError | undefined {
  if (error instanceof DamageError) return error;
  return error instanceof Error ? damageIn(error.cause) : undefined;
}

function permanent(id: string, logic: ChildSpec['logic'], input?: unknown): ChildSpec {
  return {
    id,
    logic,
    restart: 'permanent',
    shutdownMs: 0,
    ...(input === undefined ? {} : { input }),
  };
}

function dial(world: World, address: string) {
  const [host, port] = address.split(':') as [string, string];
  return world.network.connectTcp({ host, port: Number(port), timeoutMs: DIAL_TIMEOUT_MS });
}

function listen(world: World, address: string, bus: Bus): void {
  const post = bus.postFor('alpn-listener');
  const [host] = address.split(':') as [string];
  void world.network.listenTcp({ address: host, port: PORT }, (stream) =>
    post.send('raft', { type: 'raft.accepted', stream }),
  );
}

/** Every call of a life that waits listens to it. */
function endOfLife(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

type RaftApplies = ReturnType<typeof createRaftApply>;

function sessionTimers({ clock }: World, raftApply: RaftApplies, log: MemoryLog): SessionTimers {
  return new SessionTimers({
    clock: { ...clock, setTimeout: (fn, ms) => clock.setTimeout(fn, ms / SESSION_HASTE) },
    destroy: async (id) => {
      const request = { Datacenter: DATACENTER, Op: 'destroy', Session: Session.of({ ID: id }) };
      await raftApply(COMMAND_TYPES.Session, SessionRequest, SessionRequest.of(request));
    },
    failed: (id, error) => log.error('session could not be ended', { session: id, error }),
  });
}

interface Parts {
  readonly world: World;
  readonly fsm: Fsm;
  readonly consensus: Consensus;
  readonly raftApply: RaftApplies;
  readonly timers: SessionTimers;
  readonly lockDelays: LockDelays;
}

function noGossip(): Promise<never> {
  return Promise.reject(new Error('there is no gossip'));
}

/** Without gossip there are no other datacenters, no events and no names of servers. */
function endpointDeps(parts: Parts, ready: () => boolean): EndpointDeps {
  const { world, fsm, consensus, raftApply, timers, lockDelays } = parts;
  return {
    datacenter: DATACENTER,
    connect: { enabled: false, primary: true },
    autoEncrypt: null,
    store: fsm.store,
    clock: world.clock,
    random: world.random,
    raftApply,
    consensus: {
      view: () => {
        const view = consensus.view();
        return {
          leading: view.role === 'leader',
          leaderAddress: view.leader?.address ?? null,
          lastContactMs: view.lastContactMs ?? null,
          readyForConsistentReads: ready(),
          peers: [],
          lastLogTerm: view.lastTerm,
          lastLogIndex: view.lastIndex,
        };
      },
      restored: () => consensus.view().role !== 'shutdown',
      holdsLease: () => consensus.holdsLease(),
      verifyLeader: () => consensus.verifyLeader(),
      removeServer: (id) => consensus.removeServer(id, { prevIndex: 0 }),
    },
    rpc: { call: () => Promise.reject(new Error('there are no other datacenters')) },
    log: silentLog,
    autopilot: () => null,
    sessionTimers: timers,
    lockDelayMs: (key) => lockDelays.remainingMs(key),
    datacenters: () => [DATACENTER],
    serverName: () => null,
    federationStatesSupported: () => true,
    fireEvent: noGossip,
    keys: { lan: noGossip, wan: null },
    datacenterMaps: () => [],
    updateCoordinate: () => {},
  };
}
