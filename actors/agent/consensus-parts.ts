/** Raft and the state machine of a server, and what writes and reads go through. */

import { consulSettings, type RaftSettings } from '../../machines/raft/limits.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { AgentPlan } from '../../src/config/plan.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { createRaftApply, type RaftApply } from '../../src/fsm/raft-apply.ts';
import { joinHostPort, splitHostPort } from '../../src/host-port.ts';
import { serverOfMember } from '../../src/model/consul-tags.ts';
import type { MembersView } from '../../src/model/member.ts';
import { Session, SessionRequest } from '../../src/model/session.ts';
import type { Dialer } from '../../src/rpc/dialer.ts';
import { createSnapshotSpool, type SnapshotSpool } from '../../src/rpc/snapshot-spool.ts';
import { LockDelays } from '../../src/store/lock-delays.ts';
import { SessionTimers } from '../../src/store/session-timers.ts';
import type { Store } from '../../src/store/store.ts';
import { createMemoryDisk } from '../../src/world/memory-disk.ts';
import type { Endpoint } from '../../src/world/world.ts';
import { createFsmActor } from '../fsm.ts';
import { createRaft } from '../raft/raft.ts';
import type { Foundation } from './foundation.ts';

/** Time in which what was handed in becomes durable before the node is stopped by force. */
const RAFT_SHUTDOWN_MS = 5_000;

export interface ConsensusParts {
  readonly store: Store;
  readonly consensus: Consensus;
  readonly raftApply: RaftApply;
  readonly lockDelays: LockDelays;
  readonly sessionTimers: SessionTimers;
  readonly spool: SnapshotSpool;
  /** In order of start. */
  readonly children: readonly ChildSpec[];
}

export function consensusParts(base: Foundation, dialer: Dialer): ConsensusParts {
  const { bus, log, plan, world } = base;
  const fsm = new Fsm({ log: log.child('fsm') });
  const self = {
    id: base.nodeId,
    address: joinHostPort(plan.addresses.advertiseLan, plan.ports.server),
  };
  const lockDelays = new LockDelays(world.clock);
  // Without a data directory nothing is kept, but raft wants a disk all the same.
  const disk = plan.dataDir === undefined ? createMemoryDisk() : world.disk;
  const directory = `${plan.dataDir ?? ''}/raft`;
  const { logic, consensus } = createRaft({
    world: { ...world, disk },
    post: bus.postFor('raft'),
    consensusPost: bus.postFor('consensus'),
    log: log.child('raft'),
    directory,
    self,
    dial: async (peer) => dialer.dial(raftTarget(base, peer)),
  });
  const raftApply = createRaftApply({ consensus, random: world.random, log: log.child('raft') });
  const sessionTimers = new SessionTimers({
    clock: world.clock,
    destroy: async (id) => {
      await raftApply(COMMAND_TYPES.Session, SessionRequest, endOf(plan.datacenter, id));
    },
    failed: (id, error) => log.error('session could not be ended', { session: id, error }),
  });
  return {
    store: fsm.store,
    consensus,
    raftApply,
    lockDelays,
    sessionTimers,
    spool: createSnapshotSpool({ disk, directory: `${directory}/snapshots` }),
    children: [
      {
        id: 'fsm',
        logic: createFsmActor({ post: bus.postFor('fsm'), fsm, lockDelays, clock: world.clock }),
        restart: 'permanent',
        shutdownMs: 0,
      },
      {
        id: 'raft',
        logic,
        input: { self, settings: raftSettings(plan), seed: world.random.uint32() },
        restart: 'permanent',
        shutdownMs: RAFT_SHUTDOWN_MS,
      },
    ],
  };
}

function raftSettings(plan: AgentPlan): RaftSettings {
  return {
    ...consulSettings(plan.raft.multiplier),
    snapshotIntervalMs: plan.raft.snapshotIntervalMs,
    snapshotThreshold: plan.raft.snapshotThreshold,
    trailingLogs: plan.raft.trailingLogs,
  };
}

function endOf(datacenter: string, id: string): SessionRequest {
  return SessionRequest.of({
    Datacenter: datacenter,
    Op: 'destroy',
    Session: Session.of({ ID: id }),
  });
}

/**
 * Raft peers are always of the own datacenter; their node name only labels the connection. Where the
 * LAN pool has them counts for more than the configuration: servers that all come back at other
 * addresses could elect nobody who writes the new ones down. (Consul's server address provider)
 */
function raftTarget(base: Foundation, peer: { readonly id: string; readonly address: string }) {
  const { host, port } = splitHostPort(peer.address);
  return {
    datacenter: base.plan.datacenter,
    node: peer.id,
    address: livingAddressOf(base.views.lan, peer.id) ?? { address: host, port },
    kind: 'raft',
  } as const;
}

function livingAddressOf(lan: MembersView | undefined, id: string): Endpoint | undefined {
  for (const member of lan?.members.values() ?? []) {
    if (member.status !== 'alive' || member.tags['id'] !== id) continue;
    const server = serverOfMember(member);
    if (server !== null) return { address: server.address, port: server.port };
  }
  return undefined;
}
