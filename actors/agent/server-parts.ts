/**
 * What makes an agent a server: raft and the state machine, the server port, the WAN pool, the way
 * through mesh gateways. Built here, started by the tree in the order of `children`.
 */

import { receiversOf } from '../../machines/routes.ts';
import type { BootstrapInput } from '../../machines/server/bootstrap.ts';
import { TOMBSTONE_TIMES } from '../../machines/server/tombstone-gc.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { textOf } from '../../src/error-text.ts';
import { createGatewayPicker, type FailoverPicker } from '../../src/federation/gateway-picker.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import { joinHostPort, splitHostPort } from '../../src/host-port.ts';
import { DCSpecificRequest } from '../../src/model/blocks.ts';
import { DeregisterRequest, RegisterRequest } from '../../src/model/catalog.ts';
import { RefusalLog } from '../../src/port/refusal-log.ts';
import {
  type CatalogLookup,
  CONSUL_SERVICE,
  SERF_CHECK_ID,
} from '../../src/reconcile/catalog-difference.ts';
import { insecureEndpoints } from '../../src/rpc/endpoints/auto-encrypt.ts';
import { serverEndpoints } from '../../src/rpc/endpoints/index.ts';
import { STATUS_PEERS } from '../../src/rpc/methods/status.ts';
import { serveSnapshot } from '../../src/rpc/server/snapshot-conversation.ts';
import { createSnapshots, type SnapshotCaller } from '../../src/rpc/snapshots.ts';
import { caRoots, checksOf, nodeByName, nodeServices, sessions } from '../../src/store/index.ts';
import type { Store } from '../../src/store/store.ts';
import { checkFreePort } from '../../src/world/free-port.ts';
import type { Endpoint } from '../../src/world/world.ts';
import { createGatewayLocatorActor } from '../federation/gateway-locator.ts';
import { createLinkCounts } from '../federation/packet-links.ts';
import { createWanfedTransportActor } from '../federation/wanfed-transport.ts';
import type { LanListener } from '../gossip/lan.ts';
import { createAlpnListenerActor } from '../port/alpn-listener.ts';
import { createPortCounts } from '../port/connections.ts';
import type { AutopilotBoard } from '../server/autopilot.ts';
import { createBootstrapActor } from '../server/bootstrap.ts';
import { createCoordinateBatcherActor } from '../server/coordinate-batcher.ts';
import { createMemberReconcilerActor } from '../server/member-reconciler.ts';
import { createServerActor } from '../server/server.ts';
import { createSessionTtlActor } from '../server/session-ttl.ts';
import { createTombstoneGcActor } from '../server/tombstone-gc.ts';
import { autopilotDuty } from './autopilot-parts.ts';
import { type ConsensusParts, consensusParts } from './consensus-parts.ts';
import { endpointDeps } from './endpoint-deps.ts';
import { federationParts } from './federation-parts.ts';
import { type Foundation, worldHearing } from './foundation.ts';
import { wanParts } from './pools.ts';
import { type RpcParts, type ServerRpcParts, serverRpcParts } from './rpc-parts.ts';

export interface ServerParts {
  readonly rpc: ServerRpcParts & Pick<RpcParts, 'snapshots'>;
  readonly consensus: Consensus;
  readonly store: Store;
  readonly raftApply: RaftApply;
  readonly picker: FailoverPicker;
  /** Who of the server hears of LAN members. */
  readonly lanListeners: readonly LanListener[];
  /** fsm, then raft. */
  readonly state: readonly ChildSpec[];
  /** In order of start. */
  readonly children: readonly ChildSpec[];
  /** The WAN pool after what it speaks through; empty without one. */
  readonly wan: readonly ChildSpec[];
  /** What exists only while this server leads. */
  readonly duties: readonly ChildSpec[];
}

/** Rejects when the server port is taken or the WAN pool's sockets cannot be opened. */
export async function serverParts(base: Foundation): Promise<ServerParts> {
  await checkServerPort(base);
  const picker = gatewayPicker(base);
  const rpc = serverRpcParts(base, picker);
  const raft = consensusParts(base, rpc.dialer);
  base.views.raft = () => raft.consensus.view();
  const snapshots = createSnapshots({
    dialer: rpc.dialer,
    clock: base.world.clock,
    router: () => rpc.router.view(),
    local: { consensus: raft.consensus, spool: raft.spool },
  });
  const board: AutopilotBoard = { state: null };
  const autopilot = autopilotDuty(base, raft, rpc, board);
  const federation = federationParts(base, raft, rpc, [autopilot]);
  const deps = endpointDeps({
    ...raft,
    base,
    rpc: rpc.router.forwarder,
    router: () => rpc.router.view(),
    autopilot: board,
    federationStatesSupported: () => federation.supported(),
  });
  for (const method of serverEndpoints(deps)) rpc.server.registry.add(method);
  for (const method of insecureEndpoints(deps)) rpc.server.insecureRegistry.add(method);
  if (base.plan.autoEncrypt.allowTls) {
    base.tls.trustMesh(() => caRoots(raft.store.view()).result.map(({ RootCert }) => RootCert));
  }
  const federated = base.plan.connect.meshGatewayWanFederation;
  const wanPort = base.plan.ports.serfWan;
  const wan = wanPort === null ? undefined : await wanParts(base, wanPort, WAN_LISTENERS);
  return {
    rpc: { ...rpc, snapshots },
    consensus: raft.consensus,
    store: raft.store,
    raftApply: raft.raftApply,
    picker,
    lanListeners: LAN_LISTENERS,
    duties: federation.duties,
    state: raft.children,
    children: [
      ...(federated ? [locatorSpec(base, raft.store)] : []),
      routerSpec(base, rpc),
      ...dutySpecs(base, raft, rpc, snapshots),
      ...federation.children,
      portSpec(base, rpc),
    ],
    wan: [
      ...(wan === undefined ? [] : [wan.transport]),
      ...(federated ? [wanfedSpec(base, picker)] : []),
      ...(wan === undefined ? [] : [wan.pool]),
    ],
  };
}

/** What exists on clients too. */
const EVERYWHERE: readonly LanListener[] = [
  'agent',
  'rpc-router',
  'local-services',
  'coordinate-sender',
];

async function checkServerPort({ plan, world }: Foundation): Promise<void> {
  try {
    await checkFreePort(world.network, serverEndpoint(plan));
  } catch (error) {
    throw new Error(`Failed to start RPC layer: ${textOf(error)}`, { cause: error });
  }
}

/** Who of a server hears of members; names that do not run in this one are passed over. */
const LAN_LISTENERS = receiversOf('gossip.lan', 'lan-members.changed').filter(isOfServer);
const WAN_LISTENERS = receiversOf('gossip.wan', 'wan-members.changed');

function isOfServer(name: LanListener): boolean {
  return !EVERYWHERE.includes(name);
}

function gatewayPicker(base: Foundation): FailoverPicker {
  const { plan, world, bus } = base;
  const post = bus.postFor('server');
  return createGatewayPicker({
    clock: world.clock,
    random: world.random,
    initial: {
      datacenter: plan.datacenter,
      primaryDatacenter: plan.primaryDatacenter,
      populated: false,
      mode: 'local',
      directDialing: 'allowed',
      local: [],
      primary: [],
      fallback: [],
    },
    failed: (address, error) =>
      post.send('gateway-locator', { type: 'gateway.unreachable', address, error: error.message }),
  });
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

function locatorSpec({ plan, bus, log }: Foundation, store: Store): ChildSpec {
  const logic = createGatewayLocatorActor({
    post: bus.postFor('gateway-locator'),
    log: log.child('gateway-locator'),
    store,
  });
  return permanent('gateway-locator', logic, {
    datacenter: plan.datacenter,
    primaryDatacenter: plan.primaryDatacenter,
    directDialing: 'allowed',
  });
}

function routerSpec({ plan, world }: Foundation, rpc: ServerRpcParts): ChildSpec {
  return permanent('rpc-router', rpc.router.machine, {
    datacenter: plan.datacenter,
    role: 'server',
    node: plan.node.name,
    seed: world.random.uint32(),
  });
}

function wanfedSpec(
  { plan, clusterWorld, bus, tls }: Foundation,
  picker: FailoverPicker,
): ChildSpec {
  return permanent(
    'wanfed-transport',
    createWanfedTransportActor({
      world: clusterWorld,
      post: bus.postFor('wanfed-transport'),
      tls,
      picker,
      counts: createLinkCounts(),
      gossip: 'taken',
    }),
    { datacenter: plan.datacenter },
  );
}

function serverEndpoint({ addresses, ports }: Foundation['plan']): Endpoint {
  return { address: addresses.bind, port: ports.server };
}

function portSpec(base: Foundation, rpc: ServerRpcParts): ChildSpec {
  const { plan, bus, log, tls } = base;
  const portLog = log.child('alpn-listener');
  return permanent(
    'alpn-listener',
    createAlpnListenerActor({
      world: worldHearing(base.world, plan.limits.serverAllowedCidrs, portLog),
      at: serverEndpoint(plan),
      log: portLog,
      post: bus.postFor('alpn-listener'),
      tls,
      rpc: rpc.server,
      gossip: plan.connect.meshGatewayWanFederation ? 'taken' : 'refused',
      perClientMax: plan.limits.rpcMaxConnsPerClient,
      handshakeTimeoutMs: plan.limits.rpcHandshakeTimeoutMs,
      counts: createPortCounts(),
    }),
  );
}

/** The server as a whole, the founding of its group, and what it does while it leads. */
function dutySpecs(
  base: Foundation,
  raft: ConsensusParts,
  rpc: ServerRpcParts,
  snapshots: SnapshotCaller,
): readonly ChildSpec[] {
  const { plan, world, bus, log, nodeId, views } = base;
  const breaks = new RefusalLog(
    log.child('snapshot'),
    world.clock,
    'a snapshot connection was broken off',
  );
  const server = createServerActor({
    post: bus.postFor('server'),
    log: log.child('server'),
    consensus: raft.consensus,
    readinessChanged: (ready) => {
      views.readyForConsistentReads = ready;
    },
    gatewaysChanged: () => {},
    serveSnapshot: (stream) => {
      serveSnapshot(stream, snapshots).catch((error) =>
        breaks.refused(stream.remote, textOf(error)),
      );
    },
  });
  const bootstrap = createBootstrapActor({
    log: log.child('raft-bootstrap'),
    consensus: raft.consensus,
    selfId: nodeId,
    peersOf: async ({ node, address }) => {
      const { host, port } = splitHostPort(address);
      return rpc.pool.call(
        {
          node,
          datacenter: plan.datacenter,
          address: { address: host, port },
        },
        STATUS_PEERS,
        DCSpecificRequest.of({ Datacenter: plan.datacenter }),
      );
    },
  });
  const reconciler = createMemberReconcilerActor({
    log: log.child('member-reconciler'),
    datacenter: plan.datacenter,
    node: plan.node.name,
    consensus: raft.consensus,
    lookup: catalogLookup(raft.store),
    register: async (request) => {
      await raft.raftApply(COMMAND_TYPES.Register, RegisterRequest, request);
    },
    deregister: async (request) => {
      await raft.raftApply(COMMAND_TYPES.Deregister, DeregisterRequest, request);
    },
  });
  const sessionTtl = createSessionTtlActor({
    log: log.child('session-ttl'),
    consensus: raft.consensus,
    timers: raft.sessionTimers,
    sessions: () => sessions(raft.store.view()).result,
  });
  const tombstoneGc = createTombstoneGcActor({
    log: log.child('tombstone-gc'),
    datacenter: plan.datacenter,
    store: raft.store,
    raftApply: raft.raftApply,
  });
  const batcher = createCoordinateBatcherActor({
    log: log.child('coordinate-batcher'),
    raftApply: raft.raftApply,
  });
  return [
    permanent('server', server),
    permanent('raft-bootstrap', bootstrap, bootstrapInput(base)),
    permanent('member-reconciler', reconciler),
    permanent('session-ttl', sessionTtl),
    permanent('tombstone-gc', tombstoneGc, TOMBSTONE_TIMES),
    permanent('coordinate-batcher', batcher),
  ];
}

/** What the founding of the raft group starts from. */
function bootstrapInput(base: Foundation): BootstrapInput {
  const { plan, nodeId } = base;
  const expect = plan.bootstrap.kind === 'expect' ? plan.bootstrap.servers : 0;
  return {
    alone: plan.bootstrap.kind === 'single',
    expect,
    datacenter: plan.datacenter,
    self: {
      id: nodeId,
      node: plan.node.name,
      address: joinHostPort(plan.addresses.advertiseLan, plan.ports.server),
      expect,
      bootstrap: plan.bootstrap.kind === 'single',
      voter: true,
    },
  };
}

function catalogLookup(store: Store): CatalogLookup {
  return (name) => {
    const view = store.view();
    const services = nodeServices(view, name).result?.Services ?? {};
    return {
      node: nodeByName(view, name),
      serfCheck: checksOf(view, name, '').find((check) => check.CheckID === SERF_CHECK_ID),
      consulService: services[CONSUL_SERVICE],
    };
  };
}
