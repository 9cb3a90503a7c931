/**
 * A server in a box for the replays: the real doors, endpoints, state machine and store; consensus
 * is a node that commits at once. What other parts write into the catalog (members, federation
 * states) is written here by hand.
 */

import { createActor } from 'xstate';
import {
  createLocalServicesActor,
  createLocalServicesFacade,
} from '../../actors/agent/local-services.ts';
import { forgetfulStore } from '../../actors/agent/local-store.ts';
import { createBus } from '../../actors/bus.ts';
import { nextState } from '../../src/autopilot/state.ts';
import { COMMAND_TYPES, typeByte } from '../../src/fsm/command-types.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { AgentCache } from '../../src/http/agent-cache.ts';
import type { AgentFacts } from '../../src/http/agent-facts.ts';
import { KV_VALUE_BYTES_DEFAULT_MAX, TXN_BYTES_DEFAULT_MAX } from '../../src/http/context.ts';
import { type HttpListener, listenHttp } from '../../src/http/listen.ts';
import { HTTP_ROUTE_TABLE } from '../../src/http/routes.ts';
import { EMPTY_LOCAL_VIEW } from '../../src/local/definitions.ts';
import { silentLog } from '../../src/log.ts';
import { NodeService, RegisterRequest } from '../../src/model/catalog.ts';
import { FederationState, FederationStateRequest } from '../../src/model/federation-state.ts';
import { HealthCheck } from '../../src/model/health-check.ts';
import {
  AutopilotConfig,
  AutopilotSetConfigRequest,
  type AutopilotState,
} from '../../src/model/operator.ts';
import type { RaftApply } from '../../src/rpc/endpoints/deps.ts';
import { serverEndpoints } from '../../src/rpc/endpoints/index.ts';
import { type RpcCaller, RpcError, routeOf } from '../../src/rpc/method.ts';
import { RpcRegistry } from '../../src/rpc/server/registry.ts';
import { serviceDumpByKind } from '../../src/store/index.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { goTimeFromUnixMs } from '../../src/wire/msgpack/time.ts';
import { MsgpackWriter } from '../../src/wire/msgpack/writer.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import type { World } from '../../src/world/world.ts';
import type { Target } from './replay.ts';

const DATACENTER = 'dc1';
const NODE = 'golden1';
const NODE_ID = '11111111-2222-4333-8444-555555555555';
const ADDRESS = '127.0.0.1';
const RPC_PORT = 8300;
const RAFT_ADDRESS = `${ADDRESS}:${RPC_PORT}`;

export interface BoxedServer {
  readonly target: Target;
  readonly rpc: RpcCaller;
  close(): Promise<void>;
}

export async function startBoxedServer(): Promise<BoxedServer> {
  const world = createNodeWorld();
  const fsm = new Fsm({ log: silentLog });
  const lockDelays = new Map<string, number>();
  let lastIndex = 0;

  const raftApply: RaftApply = async (type, codec, request) => {
    const writer = new MsgpackWriter();
    writer.bytes(Uint8Array.of(typeByte(type)));
    codec.encode(writer, request);
    lastIndex += 1;
    const entry = { index: lastIndex, term: 1, data: writer.finish(), extensions: null };
    const { responses, effects } = fsm.apply([entry]);
    for (const { key, delayMs } of effects.lockDelays) {
      lockDelays.set(key, world.clock.monotonic() + delayMs);
    }
    const response = responses[0];
    if (response instanceof Error) throw response;
    return response;
  };

  const consensus = {
    holdsLease: () => true,
    restored: () => true,
    verifyLeader: async () => {},
    removeServer: async () => {},
    view: () => ({
      leading: true,
      leaderAddress: RAFT_ADDRESS,
      lastContactMs: 0,
      readyForConsistentReads: true,
      peers: [{ id: NODE_ID, address: RAFT_ADDRESS, voter: true }],
      lastLogTerm: 1,
      lastLogIndex: lastIndex,
    }),
  };
  const registry = new RpcRegistry();
  const rpc: RpcCaller = {
    async call(method, request, signal) {
      const route = routeOf(method, request);
      if (route.to !== 'here' && route.to !== 'primary' && route.datacenter !== DATACENTER) {
        throw new RpcError('No path to datacenter');
      }
      const found = registry.lookup(method.name);
      if (!found.found) throw new RpcError(found.error);
      const origin = { remote: null, signal: signal ?? new AbortController().signal };
      return (await found.served.handle(request, origin)) as never;
    },
  };
  const methods = serverEndpoints({
    datacenter: DATACENTER,
    store: fsm.store,
    rpc,
    log: silentLog,
    clock: world.clock,
    random: world.random,
    raftApply,
    consensus,
    sessionTimers: { reset: () => {}, clear: () => {}, settled: async () => {} },
    autopilot: () => autopilotState(lastIndex),
    lockDelayMs: (key) => Math.max((lockDelays.get(key) ?? 0) - world.clock.monotonic(), 0),
    datacenters: () => [DATACENTER],
    serverName: () => NODE,
    federationStatesSupported: () => true,
    fireEvent: async () => {},
    autoEncrypt: null,
    connect: { enabled: true, primary: true },
    keys: { lan: noGossip, wan: null },
    datacenterMaps: () => [],
    updateCoordinate: () => {},
  });
  for (const served of methods) registry.add(served);
  await registerOwnNode(raftApply);
  await raftApply(COMMAND_TYPES.Autopilot, AutopilotSetConfigRequest, {
    ...AutopilotSetConfigRequest.of({ Datacenter: DATACENTER }),
    Config: AUTOPILOT_CONFIG,
  });
  const stopFederation = keepFederationState(fsm, raftApply, () => world.clock.now());
  const local = startLocalServices(world, rpc);
  const cache = new AgentCache(world.clock);
  const listener: HttpListener = await listenHttp({
    at: { address: ADDRESS, port: 0 },
    table: HTTP_ROUTE_TABLE,
    aclDefaultPolicy: 'allow',
    context: {
      rpc,
      snapshots: { exchange: () => Promise.reject(new Error('this server has no log')) },
      agent: boxedAgent(),
      local: local.facade,
      cache,
      clock: world.clock,
      random: world.random,
      metrics: new Metrics(world.clock, 'consul'),
      prometheus: false,
      coordinates: 'enabled',
      kvValueBytesMax: KV_VALUE_BYTES_DEFAULT_MAX,
      txnBytesMax: TXN_BYTES_DEFAULT_MAX,
    },
  });
  return {
    rpc,
    target: {
      baseUrl: `http://${ADDRESS}:${listener.endpoint.port}`,
      variables: {
        dc: DATACENTER,
        node: NODE,
        node_id: NODE_ID,
        rpc_port: String(RPC_PORT),
        http_port: String(listener.endpoint.port),
      },
    },
    async close() {
      cache.close();
      stopFederation();
      local.stop();
      await listener.close();
    },
  };
}

const AUTOPILOT_CONFIG = AutopilotConfig.of({
  CleanupDeadServers: true,
  LastContactThreshold: 200e6,
  MaxTrailingLogs: 250,
  ServerStabilizationTime: 10e9,
});

/** As autopilot sees a server that is alone and well. */
function autopilotState(lastIndex: number): AutopilotState {
  const known = {
    id: NODE_ID,
    name: NODE,
    address: RAFT_ADDRESS,
    status: 'alive',
    version: '1.9.1',
    raftVersion: 3,
    meta: { 'consul-network-segment': '' },
    readReplica: false,
  } as const;
  const input = {
    config: AUTOPILOT_CONFIG,
    peers: [{ id: NODE_ID, address: RAFT_ADDRESS, voter: true }],
    leaderId: NODE_ID,
    lastTerm: 1,
    lastIndex,
    known: new Map([[NODE_ID, known]]),
    stats: new Map([[NODE_ID, { LastContact: 0, LastTerm: 1, LastIndex: lastIndex }]]),
    nowMs: 0,
  };
  return nextState(input, null);
}

/** As the leader and the agent's first full sync leave it. */
async function registerOwnNode(raftApply: RaftApply): Promise<void> {
  const node = {
    Datacenter: DATACENTER,
    ID: NODE_ID,
    Node: NODE,
    Address: ADDRESS,
    TaggedAddresses: { lan: ADDRESS, lan_ipv4: ADDRESS, wan: ADDRESS, wan_ipv4: ADDRESS },
    NodeMeta: { 'consul-network-segment': '' },
  };
  const consul = NodeService.of({
    ID: 'consul',
    Service: 'consul',
    Port: RPC_PORT,
    Weights: { Passing: 1, Warning: 1 },
    Meta: {
      non_voter: 'false',
      raft_version: '3',
      read_replica: 'false',
      serf_protocol_current: '2',
      serf_protocol_max: '5',
      serf_protocol_min: '1',
      version: '1.9.1',
    },
  });
  const serfHealth = HealthCheck.of({
    Node: NODE,
    CheckID: 'serfHealth',
    Name: 'Serf Health Status',
    Status: 'passing',
    Output: 'Agent alive and reachable',
  });
  await raftApply(
    COMMAND_TYPES.Register,
    RegisterRequest,
    RegisterRequest.of({ ...node, Service: consul, Checks: [serfHealth] }),
  );
}

/** What the leader's anti-entropy does: the own record follows the mesh gateways of the catalog. */
function keepFederationState(fsm: Fsm, raftApply: RaftApply, now: () => number): () => void {
  let last = '';
  const update = (): void => {
    const gateways = serviceDumpByKind(fsm.store.view(), 'mesh-gateway').result;
    const text = JSON.stringify(gateways);
    if (text === last) return;
    last = text;
    const state = FederationState.of({
      Datacenter: DATACENTER,
      MeshGateways: gateways.length === 0 ? null : gateways,
      UpdatedAt: goTimeFromUnixMs(now()),
    });
    void raftApply(
      COMMAND_TYPES.FederationState,
      FederationStateRequest,
      FederationStateRequest.of({ Datacenter: DATACENTER, Op: 'upsert', State: state }),
    );
  };
  update();
  const timer = setInterval(update, 50);
  return () => clearInterval(timer);
}

/** The agent's own services and checks, as the agent composes them. */
function startLocalServices(world: World, rpc: RpcCaller) {
  const bus = createBus({ clock: world.clock, log: silentLog });
  const facade = createLocalServicesFacade(bus);
  const facts = {
    datacenter: DATACENTER,
    id: NODE_ID,
    name: NODE,
    address: ADDRESS,
    taggedAddresses: { lan: ADDRESS, lan_ipv4: ADDRESS, wan: ADDRESS, wan_ipv4: ADDRESS },
    meta: { 'consul-network-segment': '' },
    token: '',
  };
  const logic = createLocalServicesActor({
    world,
    log: silentLog,
    post: bus.postFor('local-services'),
    rpc,
    facts,
    store: forgetfulStore,
    caPem: [],
  });
  const actor = createActor(logic, {
    systemId: 'local-services',
    clock: world.clock,
    input: { facts, restored: EMPTY_LOCAL_VIEW },
  });
  bus.attach(actor.system);
  actor.start();
  return {
    facade,
    stop: () => {
      actor.stop();
      facade.close();
    },
  };
}

async function noGossip(): Promise<never> {
  throw new Error('this server has no gossip');
}

function boxedAgent(): AgentFacts {
  const unavailable = noGossip;
  return {
    domains: ['consul.'],
    own: { datacenter: DATACENTER, node: NODE, segment: '' },
    role: 'server',
    defaultToken: () => '',
    self: unavailable,
    host: unavailable,
    onLog: () => () => {},
    members: () => [],
    join: unavailable,
    leave: unavailable,
    forceLeave: unavailable,
    reload: unavailable,
    events: () => [],
    onEvent: () => () => {},
    fireEvent: unavailable,
  };
}
