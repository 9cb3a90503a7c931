/**
 * Starts an agent: checks who it is, opens what must be open before anything runs, builds the
 * supervisor tree as data and starts it. Everything that can be refused is refused here, by one
 * rejection, before anybody has heard of this node.
 */

import type { AgentEnding } from '../../machines/agent/agent.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import { EventLog } from '../../src/agent/event-log.ts';
import { nodeIdOf } from '../../src/agent/identity.ts';
import { readMaterial } from '../../src/config/load.ts';
import type { AgentPlan } from '../../src/config/plan.ts';
import { AgentCache } from '../../src/http/agent-cache.ts';
import type { SeenEvent } from '../../src/http/agent-facts.ts';
import type { HttpContext } from '../../src/http/context.ts';
import type { Log } from '../../src/log.ts';
import { tapLog } from '../../src/log-tap.ts';
import { TlsConfigurator, type TlsMaterial } from '../../src/tls/configurator.ts';
import { boundNetwork } from '../../src/world/bound-network.ts';
import type { Endpoint, World } from '../../src/world/world.ts';
import { type Bus, createBus } from '../bus.ts';
import { type Inspector, startInspector } from '../console.ts';
import { createSupervisorActor, type Root, startRoot } from '../supervisor.ts';
import { createAgentFacts } from './agent-facts.ts';
import { countedCaller, createAgentMetrics } from './agent-metrics.ts';
import { awaitFirstCertificate } from './auto-encrypt.ts';
import { clientParts } from './client-parts.ts';
import { coordinateParts } from './coordinate-sender.ts';
import { createAgentActor } from './coordinator.ts';
import type { Foundation } from './foundation.ts';
import { handOver } from './hand-over.ts';
import { httpDoorSpec, openHttpDoor } from './http-door.ts';
import { joinParts } from './join-parts.ts';
import { leavePools } from './leave.ts';
import { localParts } from './local-parts.ts';
import { lanParts } from './pools.ts';
import { serverParts } from './server-parts.ts';
import { agentTree, namesIn, type TreeParts } from './tree.ts';
import { AgentViews } from './views.ts';

export interface StartRequest {
  readonly plan: AgentPlan;
  readonly material: TlsMaterial;
  readonly world: World;
  readonly log: Log;
  /** Loopback address of the inspector; absent: nobody looks. */
  readonly inspectAt?: Endpoint;
}

export interface RunningAgent {
  readonly nodeId: string;
  readonly bus: Bus;
  readonly root: Root;
  readonly inspector: Inspector | undefined;
  /** What the HTTP door serves from; there without a door too. */
  readonly context: HttpContext;
  /** Resolves when the tree has ended, with why; rejects with a failure that was not contained. */
  readonly ended: Promise<AgentEnding>;
}

/** Time in which who asked for the leave hears that it is over. */
const LAST_ANSWER_MS = 200;

/** Rejects when an address, a port, a file or the node's ID cannot be had. */
export async function startAgent(request: StartRequest): Promise<RunningAgent> {
  const { plan, world } = request;
  const { log, listen } = tapLog(request.log);
  const housed = new Set<string>();
  const base = await layFoundation({ ...request, log }, (name) => housed.has(name));
  if (plan.autoEncrypt.tls && plan.role === 'client') await awaitFirstCertificate(base);
  const server = plan.role === 'server' ? await serverParts(base) : undefined;
  const client = plan.role === 'client' ? clientParts(base) : undefined;
  const rpc = server?.rpc ?? client?.rpc;
  if (rpc === undefined) throw new Error(`no such role: ${plan.role}`);
  const lan = await lanParts(base, [
    'agent',
    'rpc-router',
    'local-services',
    'coordinate-sender',
    ...(server?.lanListeners ?? client?.lanListeners ?? []),
  ]);
  const local = await localParts(base, rpc.router.forwarder, request.material.caPem);
  const events = new EventLog<SeenEvent>();
  const leave = async (): Promise<void> => leavePools(base, server?.consensus);
  const reload = async (): Promise<void> => reloadTls(base);
  const context: HttpContext = {
    rpc: countedCaller(rpc.router.forwarder, base.metrics),
    snapshots: rpc.snapshots,
    agent: createAgentFacts({
      base,
      rpc: rpc.router.forwarder,
      events,
      self: {
        local: () => local.counts(),
        known: () => knownOf(rpc.router.view()),
      },
      onLog: listen,
      leave: () => askToLeave(root),
      reload,
    }),
    local: local.services,
    cache: new AgentCache(world.clock),
    clock: world.clock,
    random: world.random,
    metrics: base.metrics,
    prometheus: plan.telemetry.prometheus,
    coordinates: plan.disableCoordinates ? 'disabled' : 'enabled',
    kvValueBytesMax: plan.limits.kvMaxValueSize,
    txnBytesMax: Math.max(plan.limits.txnMaxReqLen, plan.limits.kvMaxValueSize),
  };
  const door = await doorSpec(base, context);
  let ending: AgentEnding = { kind: 'stopped' };
  const coordinator = createAgentActor({
    base,
    events,
    services: () => [...local.services.view().services.values()].map(({ service }) => service),
    leave,
    handOver: () => handOver(base, server?.consensus),
    reload,
    endTree: (why) => {
      ending = why;
      const lastAnswerMs = why.kind === 'left' ? LAST_ANSWER_MS : 0;
      world.clock.setTimeout(() => {
        // Who stops last tells those that are gone: no news any more.
        housed.clear();
        void root.shutdown();
      }, lastAnswerMs);
    },
  });
  const parts: TreeParts = {
    agent: [agentSpec(plan, coordinator), ...(client?.children ?? [])],
    state: server?.state ?? [],
    server: server?.children ?? [],
    pools: [...(server?.wan ?? []), lan.transport, lan.pool],
    local: [...local.children, ...coordinateParts(base, rpc.router.forwarder)],
    doors: [door],
    joiners: joinParts(base, server?.store),
  };
  const tree = agentTree(parts, log);
  for (const id of namesIn([...tree.children, ...(server?.duties ?? [])])) housed.add(id);
  const inspector = await openInspector(request, base);
  const root = startRoot({
    logic: createSupervisorActor({ log }),
    input: tree,
    name: 'mobius',
    clock: world.clock,
    bus: base.bus,
    ...(inspector === undefined ? {} : { inspect: inspector.inspect }),
  });
  const ended = root.ended.finally(() => inspector?.close()).then(() => ending);
  return { nodeId: base.nodeId, bus: base.bus, root, inspector, context, ended };
}

function agentSpec({ leave }: AgentPlan, logic: ChildSpec['logic']): ChildSpec {
  return {
    id: 'agent',
    logic,
    input: {
      onTerminate: leave.onTerminate ? 'leave' : 'stop',
      onInterrupt: leave.skipOnInterrupt ? 'stop' : 'leave',
    },
    restart: 'permanent',
    shutdownMs: 0,
  };
}

/** Opens the door. Rejects when an address or the port cannot be had. */
async function doorSpec({ plan, log }: Foundation, context: HttpContext): Promise<ChildSpec> {
  const { addresses, limits, ports } = plan;
  const listeners =
    ports.http === null
      ? []
      : await openHttpDoor({
          addresses: addresses.http,
          port: ports.http,
          connectionsPerClientMax: limits.httpMaxConnsPerClient,
          context,
          log: log.child('http'),
        });
  return httpDoorSpec(listeners, context.cache);
}

async function openInspector(
  { inspectAt, plan, world, log }: StartRequest,
  { bus }: Foundation,
): Promise<Inspector | undefined> {
  if (inspectAt === undefined) return undefined;
  return startInspector({
    world,
    log: log.child('inspector'),
    bus,
    name: `${plan.node.name}.${plan.datacenter}`,
    pid: process.pid,
    at: inspectAt,
  });
}

async function layFoundation(
  { plan, material, world, log }: StartRequest,
  houses: (name: string) => boolean,
): Promise<Foundation> {
  const nodeId = await nodeIdOf(
    {
      ...(plan.node.id === undefined ? {} : { configured: plan.node.id }),
      ...(plan.dataDir === undefined ? {} : { dataDir: plan.dataDir }),
    },
    world.disk,
    world.random,
  );
  const tls = new TlsConfigurator(
    {
      datacenter: plan.datacenter,
      domain: plan.domain,
      verifyIncoming: plan.tls.verifyIncoming,
      verifyIncomingRpc: plan.tls.verifyIncomingRpc,
      verifyOutgoing: plan.tls.verifyOutgoing || plan.tls.verifyServerHostname,
      verifyServerHostname: plan.tls.verifyServerHostname,
      minVersion: plan.tls.minVersion,
    },
    material,
  );
  const views = new AgentViews();
  return {
    plan,
    world,
    clusterWorld: { ...world, network: boundNetwork(world.network, plan.addresses.bind) },
    log,
    bus: createBus({ clock: world.clock, log: log.child('bus'), houses }),
    nodeId,
    tls,
    views,
    metrics: createAgentMetrics(world.clock, plan.telemetry.prefix, views),
  };
}

/** Certificates are read again; connections made from now on use them. */
async function reloadTls({ plan, world, tls, log }: Foundation): Promise<void> {
  const issues: Parameters<typeof readMaterial>[2] = [];
  const material = await readMaterial(plan, world, issues);
  if (issues.length > 0) throw new Error(issues.map((issue) => issue.text).join('; '));
  tls.update(material);
  log.info('certificates read again');
}

function knownOf(view: {
  readonly datacenters: readonly { readonly servers: readonly unknown[] }[];
}) {
  return {
    datacenters: view.datacenters.length,
    servers: view.datacenters.reduce((sum, { servers }) => sum + servers.length, 0),
  };
}

/** Sends the agent into leaving; resolves when the pools have been left. */
function askToLeave(root: Root): Promise<void> {
  return new Promise((resolve, reject) => {
    root.actor.system.get('agent')?.send({
      type: 'leave.requested',
      reply: { answer: () => resolve(), refuse: reject },
    });
  });
}
