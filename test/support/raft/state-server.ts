/** Raft and the real state machine on a real or simulated world, without the rest of a server. */

import { agentTree } from '../../../actors/agent/tree.ts';
import { createBus } from '../../../actors/bus.ts';
import { createFsmActor } from '../../../actors/fsm.ts';
import { createRaft } from '../../../actors/raft/raft.ts';
import { createSupervisorActor, startRoot } from '../../../actors/supervisor.ts';
import { consulSettings, type RaftSettings } from '../../../machines/raft/limits.ts';
import type { ChildSpec } from '../../../machines/supervisor.types.ts';
import type { Consensus } from '../../../src/consensus/consensus.ts';
import { Fsm } from '../../../src/fsm/fsm.ts';
import { type Log, silentLog } from '../../../src/log.ts';
import { LockDelays } from '../../../src/store/lock-delays.ts';
import type { World } from '../../../src/world/world.ts';

const HOST = '127.0.0.1';
const DIAL_TIMEOUT_MS = 1_000;
/** What was handed to the disk is written before the end. */
const SHUTDOWN_MS = 60_000;

export interface StateServerOptions {
  readonly world: World;
  readonly directory: string;
  readonly id: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly log?: Log;
  readonly settings?: RaftSettings;
}

export interface StateServer {
  readonly id: string;
  readonly address: string;
  readonly consensus: Consensus;
  readonly fsm: Fsm;
  stop(): Promise<void>;
}

export async function startStateServer(options: StateServerOptions): Promise<StateServer> {
  const { world, id, port, log = silentLog, settings = consulSettings(1) } = options;
  const address = `${HOST}:${port}`;
  const bus = createBus({ clock: world.clock, log, houses: () => false });
  const fsm = new Fsm({ log });
  const lockDelays = new LockDelays(world.clock);
  const { logic, consensus } = createRaft({
    world,
    post: bus.postFor('raft'),
    consensusPost: bus.postFor('consensus'),
    log,
    directory: options.directory,
    self: { id, address },
    dial: (peer) => {
      const [host = HOST, port] = peer.address.split(':');
      return world.network.connectTcp({ host, port: Number(port), timeoutMs: DIAL_TIMEOUT_MS });
    },
  });
  const state: ChildSpec[] = [
    {
      id: 'fsm',
      logic: createFsmActor({ post: bus.postFor('fsm'), fsm, lockDelays, clock: world.clock }),
      restart: 'permanent',
      // It holds nothing that has to be finished, and does not end by itself.
      shutdownMs: 0,
    },
    {
      id: 'raft',
      logic,
      restart: 'permanent',
      shutdownMs: SHUTDOWN_MS,
      input: { self: { id, address }, settings, seed: world.random.uint32() },
    },
  ];
  const none = { agent: [], pools: [], server: [], local: [], doors: [], joiners: [] };
  const root = startRoot({
    logic: createSupervisorActor({ log }),
    input: agentTree({ ...none, state }, log),
    name: 'mobius',
    clock: world.clock,
    bus,
  });
  root.ended.catch(() => {});
  const listener = await world.network.listenTcp({ address: HOST, port }, (stream) =>
    bus.postFor('alpn-listener').send('raft', { type: 'raft.accepted', stream }),
  );
  return {
    id,
    address,
    consensus,
    fsm,
    stop: async () => {
      await root.shutdown();
      await listener.close();
    },
  };
}
