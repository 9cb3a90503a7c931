/** Binds a pool to the world: its clock, its streams, its files and the actors around it. */

import type { PoolConfig } from '../../machines/gossip/config.ts';
import { type PoolMachineEvent, poolMachine } from '../../machines/gossip/pool.ts';
import { quietly } from '../../machines/gossip/quiet.ts';
import type { PoolInput } from '../../machines/gossip/start.ts';
import type { GossipPeer, OutgoingPacket, ReceivedQuery } from '../../machines/routes/gossip.ts';
import { withShortWay } from '../../machines/short-way.ts';
import type { Log } from '../../src/log.ts';
import type { CoordinatesView, MembersView, UserEvent } from '../../src/model/member.ts';
import type { KeyRing } from '../../src/wire/gossip/keyring.ts';
import { labelHeader } from '../../src/wire/gossip/packet.ts';
import { NONCE_BYTES, seal } from '../../src/wire/gossip/seal.ts';
import {
  EMPTY_SNAPSHOT,
  type SnapshotFacts,
  type SnapshotLine,
} from '../../src/wire/gossip/snapshot.ts';
import type { TimerId, World } from '../../src/world/world.ts';
import { Exchanges } from './exchanges.ts';
import { resolveJoinAddresses } from './join-addresses.ts';
import { type KeyRingSource, loadKeyRing, saveKeyRing } from './keyring-file.ts';
import { loadSnapshot, SnapshotFile } from './snapshot-file.ts';
import { timed } from './timed.ts';

/** Where a pool's messages go. */
export interface PoolDoors {
  sendPackets(packets: readonly OutgoingPacket[]): void;
  openStream(id: number, to: GossipPeer, timeoutMs: number): void;
  publish(view: MembersView): void;
  publishCoordinates(view: CoordinatesView): void;
  deliverEvents(events: readonly UserEvent[]): void;
  deliverQueries(queries: readonly ReceivedQuery[]): void;
}

export interface PoolFiles {
  /** Null: none is kept. */
  readonly snapshot: string | null;
  readonly keyRing: string | null;
}

export interface PoolDeps {
  readonly world: World;
  readonly log: Log;
  readonly doors: PoolDoors;
  readonly config: PoolConfig;
  readonly files: PoolFiles;
}

export interface PoolSource {
  readonly world: World;
  readonly log: Log;
  readonly config: PoolConfig;
  readonly snapshot: string | null;
  readonly keyRing: KeyRingSource;
}

/** Reads a pool's files and makes the input of its machine. Rejects with what is wrong with them. */
export async function loadPoolInput(source: PoolSource): Promise<PoolInput> {
  const { world, log, config } = source;
  const snapshot =
    source.snapshot === null
      ? EMPTY_SNAPSHOT
      : await loadSnapshot(world, source.snapshot, config.afterLeave);
  const keyRing = await loadKeyRing(world, log, source.keyRing);
  const seed = world.random.uint32();
  return { config, seed, nowMs: world.clock.monotonic(), keyRing, snapshot };
}

/** The machine with its effects. Its input comes from `loadPoolInput`. */
export function createPoolActor(deps: PoolDeps): typeof poolMachine {
  const runtime = new PoolRuntime(deps);
  const machine = poolMachine.provide({
    actions: {
      sendPackets: (_, params) => runtime.sendPackets(params.packets, params.seal),
      openExchanges: ({ self }, params) => {
        runtime.attach(self);
        for (const order of params.orders) runtime.exchanges.start(order);
      },
      answerExchanges: (_, params) => {
        for (const answer of params.answers) runtime.exchanges.answer(answer);
      },
      useStream: (_, params) => runtime.exchanges.use(params.id, params.stream, params.keyRing),
      serveStream: ({ self }, params) => {
        runtime.attach(self);
        runtime.exchanges.serve(params.stream, params.keyRing);
      },
      dropExchange: (_, params) => runtime.exchanges.fail(params.id, params.error.message),
      resolveAddresses: ({ self }, params) => {
        runtime.attach(self);
        for (const order of params.orders) void runtime.resolve(order.joinId, order.addresses);
      },
      deliverReplies: (_, params) => {
        for (const reply of params.replies) reply.deliver();
      },
      publishMembers: (_, params) => deps.doors.publish(params.view),
      publishCoordinates: (_, params) => deps.doors.publishCoordinates(params.view),
      deliverEvents: (_, params) => deps.doors.deliverEvents(params.events),
      deliverQueries: (_, params) => deps.doors.deliverQueries(params.queries),
      saveSnapshot: ({ context }, params) => runtime.save(params.lines, context.input.snapshot),
      saveKeyRing: (_, params) => void runtime.saveKeys(params.keyRing),
      writeLogs: (_, params) => {
        for (const line of params.logs) deps.log[line.level](line.text, line.fields);
      },
      note: (_, params) => deps.log[params.level](params.text),
      wake: ({ self }, params) => {
        runtime.attach(self);
        runtime.wake(params.atMs);
      },
      endLeave: (_, params) => {
        runtime.rest();
        for (const leaver of params.leavers) leaver.answer(null);
      },
      refuse: (_, params) => {
        const { event } = params;
        if ('reply' in event) event.reply.refuse(new Error(params.text));
      },
    },
  });
  return timed(withShortWay(machine, quietly), {
    nowMs: () => deps.world.clock.monotonic(),
    stopped: () => runtime.stop(),
    resume: (input) => runtime.resume(input),
  });
}

type Send = { send(event: PoolMachineEvent): void };

/** What a running pool holds of the world. */
class PoolRuntime {
  readonly exchanges: Exchanges;
  #snapshot: SnapshotFile | null = null;
  #keyRing: KeyRing | null = null;
  readonly #deps: PoolDeps;
  readonly #label: Buffer;
  #self: Send | null = null;
  #timer: TimerId | null = null;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
    this.#label = labelHeader(deps.config.label);
    const { world, config } = deps;
    const { label, incomingPlaintext, outgoing, compression, timing } = config;
    this.exchanges = new Exchanges(
      world,
      {
        label,
        incomingPlaintext,
        outgoing,
        compression,
        streamTimeoutMs: timing.streamTimeoutMs,
      },
      {
        answered: (id, message) => this.#send({ type: 'exchange.answered', id, message }),
        failed: (id, error) => this.#send({ type: 'exchange.failed', id, error }),
        requested: (id, from, message) =>
          this.#send({ type: 'exchange.requested', id, from, message }),
        refused: (from, error) => this.#send({ type: 'exchange.refused', from, error }),
        open: (id, to, timeoutMs) => deps.doors.openStream(id, to, timeoutMs),
      },
    );
  }

  attach(self: Send): void {
    this.#self = self;
  }

  #send(event: PoolMachineEvent): void {
    this.#self?.send(event);
  }

  sendPackets(
    packets: readonly { readonly to: GossipPeer; readonly bytes: Uint8Array }[],
    key: Uint8Array | null,
  ): void {
    const { doors, world } = this.#deps;
    if (key === null && this.#label.length === 0) {
      doors.sendPackets(packets);
      return;
    }
    const associated = this.#label.subarray(2);
    doors.sendPackets(
      packets.map(({ to, bytes }) => {
        const body =
          key === null ? bytes : seal(key, world.random.bytes(NONCE_BYTES), bytes, associated);
        return { to, bytes: this.#label.length === 0 ? body : Buffer.concat([this.#label, body]) };
      }),
    );
  }

  async resolve(joinId: number, addresses: readonly string[]): Promise<void> {
    const { world, config } = this.#deps;
    const found = await resolveJoinAddresses(world.network, addresses, config.port);
    this.#send({ type: 'addresses.resolved', joinId, ...found });
  }

  /** Appends to the snapshot file, which begins with what was known at the start. */
  save(lines: readonly SnapshotLine[], facts: SnapshotFacts): void {
    const { world, log, config, files } = this.#deps;
    if (files.snapshot === null) return;
    const { afterLeave } = config;
    this.#snapshot ??= new SnapshotFile({ world, log, path: files.snapshot, afterLeave, facts });
    this.#snapshot.append(lines);
  }

  async saveKeys(ring: KeyRing): Promise<void> {
    this.#keyRing = ring;
    const { world, files, log } = this.#deps;
    if (files.keyRing === null) return;
    try {
      await saveKeyRing(world, files.keyRing, ring);
    } catch (error) {
      log.error('writing the key ring failed', { path: files.keyRing, error });
    }
  }

  wake(atMs: number): void {
    const { clock } = this.#deps.world;
    if (this.#timer !== null) clock.clearTimeout(this.#timer);
    const fire = (): void => {
      this.#timer = null;
      this.#send({ type: 'tick' });
    };
    this.#timer = clock.setTimeout(fire, Math.max(0, atMs - clock.monotonic()));
  }

  /** No more ticks and streams: the pool has been left. */
  rest(): void {
    if (this.#timer !== null) this.#deps.world.clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.exchanges.stop();
    void this.#snapshot?.close();
  }

  /** May be used again by the next run of the actor. */
  stop(): void {
    this.rest();
    this.#self = null;
  }

  /** What a run starts from: what the one before it knew, else what was read from the disk. */
  resume(input: PoolInput): PoolInput {
    return {
      ...input,
      nowMs: this.#deps.world.clock.monotonic(),
      keyRing: this.#keyRing ?? input.keyRing,
      snapshot: this.#snapshot?.facts ?? input.snapshot,
    };
  }
}
