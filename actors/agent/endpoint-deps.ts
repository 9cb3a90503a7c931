/** What the RPC endpoints of a server need, taken from the parts that own it. */

import { datacenterMaps, datacenterOrder } from '../../src/agent/datacenter-order.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import { joinHostPort } from '../../src/host-port.ts';
import { serverOfMember } from '../../src/model/consul-tags.ts';
import type { ConsensusView, EndpointDeps } from '../../src/rpc/endpoints/deps.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import type { RouterView } from '../../src/rpc/router-view.ts';
import type { LockDelays } from '../../src/store/lock-delays.ts';
import type { SessionTimers } from '../../src/store/session-timers.ts';
import type { StoreSource } from '../../src/store/store.ts';
import { CONSUL_EVENT_PREFIX } from '../../src/wire/gossip/consul-event.ts';
import type { AutopilotBoard } from '../server/autopilot.ts';
import type { Foundation } from './foundation.ts';

const FIRE_TIMEOUT_MS = 10_000;
/** Beyond the time that a query of a pool runs: 16 gossip intervals for each digit of its size. */
const KEYS_TIMEOUT_MS = 60_000;

export interface EndpointSources {
  readonly base: Foundation;
  readonly store: StoreSource;
  readonly consensus: Consensus;
  readonly raftApply: RaftApply;
  readonly lockDelays: LockDelays;
  readonly sessionTimers: SessionTimers;
  readonly rpc: RpcCaller;
  readonly router: () => RouterView;
  readonly autopilot: AutopilotBoard;
  readonly federationStatesSupported: () => boolean;
}

export function endpointDeps(sources: EndpointSources): EndpointDeps {
  const { base, consensus, sessionTimers, lockDelays } = sources;
  const post = base.bus.postFor('agent');
  return {
    datacenter: base.plan.datacenter,
    connect: {
      enabled: base.plan.connect.enabled,
      primary: base.plan.datacenter === base.plan.primaryDatacenter,
    },
    autoEncrypt: base.plan.autoEncrypt.allowTls ? base.tls : null,
    store: sources.store,
    rpc: sources.rpc,
    log: base.log.child('rpc-endpoints'),
    clock: base.world.clock,
    random: base.world.random,
    raftApply: sources.raftApply,
    consensus: {
      view: () => consensusView(base, consensus),
      restored: () => consensus.view().role !== 'shutdown',
      holdsLease: () => consensus.holdsLease(),
      verifyLeader: () => consensus.verifyLeader(),
      removeServer: (id) => consensus.removeServer(id, { prevIndex: 0 }),
    },
    sessionTimers,
    autopilot: () => (consensus.view().role === 'leader' ? sources.autopilot.state : null),
    lockDelayMs: (key) => lockDelays.remainingMs(key),
    datacenters: () => knownDatacenters(base, sources.router()),
    serverName: (address) => serverNameAt(base, address),
    federationStatesSupported: sources.federationStatesSupported,
    fireEvent: async (name, payload) => {
      await post.ask(
        'gossip.lan',
        {
          type: 'user-event.fire',
          name: `${CONSUL_EVENT_PREFIX}${name}`,
          payload,
          coalesce: false,
        },
        { timeoutMs: FIRE_TIMEOUT_MS },
      );
    },
    keys: {
      lan: (order) =>
        post.ask('gossip.lan', { type: 'keys.change', ...order }, { timeoutMs: KEYS_TIMEOUT_MS }),
      wan:
        base.plan.ports.serfWan === null
          ? null
          : (order) =>
              post.ask(
                'gossip.wan',
                { type: 'keys.change', ...order },
                { timeoutMs: KEYS_TIMEOUT_MS },
              ),
    },
    datacenterMaps: () => datacenterMaps(base.views.wan, base.views.wanCoordinates),
    updateCoordinate: (coordinate) =>
      base.bus
        .postFor('server')
        .send('coordinate-batcher', { type: 'coordinates.update', coordinates: [coordinate] }),
  };
}

function consensusView(base: Foundation, consensus: Consensus): ConsensusView {
  const view = consensus.view();
  return {
    leading: view.role === 'leader',
    leaderAddress: view.leader?.address ?? null,
    lastContactMs: view.lastContactMs ?? null,
    readyForConsistentReads: base.views.readyForConsistentReads,
    peers: view.configuration.servers.map(({ id, address, suffrage }) => ({
      id,
      address,
      voter: suffrage === 'voter',
    })),
    lastLogTerm: view.lastTerm,
    lastLogIndex: view.lastIndex,
  };
}

function knownDatacenters(base: Foundation, router: RouterView): readonly string[] {
  return datacenterOrder(
    base.plan.datacenter,
    router.datacenters.map(({ name }) => name),
    base.views.wan,
    base.views.wanCoordinates,
  );
}

function serverNameAt(base: Foundation, address: string): string | null {
  for (const member of base.views.lan?.members.values() ?? []) {
    const server = serverOfMember(member);
    if (server !== null && joinHostPort(server.address, server.port) === address)
      return server.name;
  }
  return null;
}
