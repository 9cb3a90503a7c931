/**
 * A federation of one-server datacenters on one simulated time: real locators, replicators,
 * anti-entropy, retry-joiners, stores and endpoints; gateways, raft and gossip are models as small
 * as can be. A call goes where its gateways lead, and dies with them.
 */

import { type Bus, createBus } from '../../actors/bus.ts';
import {
  createFederationSupportActor,
  createSupportLatch,
} from '../../actors/federation/federation-support.ts';
import { createGatewayLocatorActor } from '../../actors/federation/gateway-locator.ts';
import {
  createLeaderDutiesActor,
  federationDuties,
} from '../../actors/federation/leader-duties.ts';
import { createSupervisorActor, type Root, startRoot } from '../../actors/supervisor.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { RaftView } from '../../src/consensus/consensus.ts';
import { carriesServers, wanAddress } from '../../src/federation/gateway-addresses.ts';
import { noChoices } from '../../src/federation/gateway-choices.ts';
import { createGatewayPicker, type FailoverPicker } from '../../src/federation/gateway-picker.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { createRaftApply } from '../../src/fsm/raft-apply.ts';
import { createMemoryLog, type MemoryLog, silentLog } from '../../src/log.ts';
import { type NodeService, RegisterRequest } from '../../src/model/catalog.ts';
import type { Member } from '../../src/model/member.ts';
import type { EndpointDeps } from '../../src/rpc/endpoints/deps.ts';
import { federationStateEndpoints } from '../../src/rpc/endpoints/federation-state.ts';
import { NO_REMOTE_SERVER } from '../../src/rpc/errors.ts';
import type { RpcCaller, ServedMethod } from '../../src/rpc/method.ts';
import { serviceDumpByKind } from '../../src/store/read/health.ts';
import { federationState } from '../../src/store/read/other.ts';
import {
  createSimulation,
  type SimulatedHost,
  type Simulation,
} from '../../src/world/simulated/simulation.ts';
import { membersView, server } from './federation-fixture.ts';
import {
  isBroken,
  lanOf,
  type ModelGateway,
  overPath,
  type Path,
  registration,
} from './federation-gateways.ts';
import { joiners } from './federation-joiners.ts';

const ELECTION_MS = 3000;
const CHECK_INTERVAL_MS = 10_000;
const GOSSIP_INTERVAL_MS = 5000;
const FAILED_AFTER_MS = 30_000;
const HOP_MS = 5;

export interface FederationWorld {
  readonly simulation: Simulation;
  readonly datacenters: readonly Datacenter[];
  readonly gateways: readonly ModelGateway[];
  of(name: string): Datacenter;
  /** Gives every gateway of a datacenter new addresses. */
  move(dc: string): void;
}

export interface FederationOptions {
  readonly seed: number;
  /** The first is the primary. */
  readonly names: readonly string[];
  readonly gatewaysEach: number;
  /** What secondaries are configured with; `discovery` resolves to what is true at the moment. */
  readonly primaryGateways: 'fixed' | 'discovery';
}

export function createFederation(options: FederationOptions): FederationWorld {
  const simulation = createSimulation({ seed: options.seed });
  const gateways: ModelGateway[] = [];
  let moves = 0;
  options.names.forEach((dc, i) => {
    for (let n = 1; n <= options.gatewaysEach; n++) {
      const lan = `10.${i + 1}.0.${n}:8443`;
      gateways.push({ dc, name: `gw${n}`, lan, wan: `${i + 1}.0.0.${n}:8443`, alive: true });
    }
  });
  const world: FederationWorld = {
    simulation,
    gateways,
    datacenters: [],
    of: (name) => {
      const found = world.datacenters.find((dc) => dc.name === name);
      if (found === undefined) throw new Error(`no datacenter ${name}`);
      return found;
    },
    move(dc) {
      moves += 1;
      gateways
        .filter((gateway) => gateway.dc === dc)
        .forEach((gateway, n) => {
          const i = options.names.indexOf(dc) + 1;
          gateway.lan = `10.${i}.${moves}.${n + 1}:8443`;
          gateway.wan = `${i}.0.${moves}.${n + 1}:8443`;
        });
    },
  };
  const list = world.datacenters as Datacenter[];
  for (const name of options.names) list.push(new Datacenter(world, options, name));
  for (const dc of list) dc.start();
  return world;
}

export class Datacenter {
  readonly name: string;
  readonly fsm = new Fsm({ log: silentLog });
  log: MemoryLog = createMemoryLog();
  up = false;
  #index = 10;
  #run = 0;
  readonly #world: FederationWorld;
  readonly #options: FederationOptions;
  readonly #primary: string;
  readonly #host: SimulatedHost;
  #root: Root | undefined;
  #bus: Bus | undefined;
  #picker: FailoverPicker | undefined;
  #endpoints: readonly ServedMethod[] = [];
  readonly #heardAtMs = new Map<string, number>();

  constructor(world: FederationWorld, options: FederationOptions, name: string) {
    this.name = name;
    this.#world = world;
    this.#options = options;
    this.#primary = options.names[0] as string;
    this.#host = world.simulation.host({
      name: `server.${name}`,
      addresses: [`127.0.0.${1 + options.names.indexOf(name)}`],
    });
  }

  get picker(): FailoverPicker {
    if (this.#picker === undefined) throw new Error(`${this.name} is not running`);
    return this.#picker;
  }

  /** What the record of this datacenter should say: WAN addresses of its live gateways, sorted. */
  truth(side: 'lan' | 'wan'): readonly string[] {
    const own = this.#world.gateways.filter((gateway) => gateway.dc === this.name && gateway.alive);
    return own.map((gateway) => gateway[side]).sort();
  }

  /** WAN addresses that this datacenter's copy of a record leads to, sorted. */
  believes(dc: string): readonly string[] {
    const { result } = federationState(this.fsm.store.view(), dc);
    return (result?.MeshGateways ?? []).filter(carriesServers).map(wanAddress).sort();
  }

  kill(): void {
    if (!this.up) return;
    this.up = false;
    this.#run += 1;
    void this.#root?.shutdown();
    this.#root?.actor.stop();
    this.#host.kill();
  }

  /** Leadership goes and comes back. */
  loseLeadership(): void {
    const post = this.#bus?.postFor('raft');
    post?.send('gateway-locator', { type: 'leadership.lost', term: 1 });
    post?.send('leader-duties', { type: 'leadership.lost', term: 1 });
    const run = this.#run;
    this.#host.world.clock.setTimeout(() => this.#lead(run), ELECTION_MS);
  }

  start(): void {
    if (this.up) return;
    this.up = true;
    this.#run += 1;
    this.#heardAtMs.clear();
    const run = this.#run;
    const { world } = this.#host;
    const names = { datacenter: this.name, primaryDatacenter: this.#primary };
    const bus = createBus({ clock: world.clock, log: this.log });
    this.#bus = bus;
    const picker = createGatewayPicker({
      clock: world.clock,
      random: world.random,
      initial: noChoices({ ...names, directDialing: 'allowed' }),
    });
    this.#picker = picker;
    const latch = createSupportLatch();
    const store = this.fsm.store;
    const raftApply = createRaftApply({
      consensus: { apply: (data) => this.#apply(data) },
      random: world.random,
      log: this.log,
    });
    this.#endpoints = federationStateEndpoints({
      datacenter: this.name,
      store,
      clock: world.clock,
      random: world.random,
      raftApply,
      consensus: {
        view: () => ({ leading: true, readyForConsistentReads: true }),
        restored: () => true,
        holdsLease: () => true,
        verifyLeader: async () => {},
      },
      federationStatesSupported: () => latch.latched,
    } as unknown as EndpointDeps);
    const common = { log: this.log, clock: world.clock, random: world.random, store, raftApply };
    const duties = federationDuties({
      ...common,
      ...names,
      post: bus.postFor('federation-replicator'),
      rpc: this.#caller(),
      support: latch,
      verifyLeader: async () => {},
      token: () => '',
      knownDatacenters: () => this.#options.names,
    });
    this.#receive(bus, run);
    const child = (id: string, logic: ChildSpec['logic'], input: unknown): ChildSpec => ({
      id,
      logic,
      input,
      restart: 'permanent',
      shutdownMs: 0,
    });
    const locator = createGatewayLocatorActor({
      post: bus.postFor('gateway-locator'),
      log: this.log,
      store,
    });
    const support = createFederationSupportActor({ log: this.log, store, latch });
    const leader = createLeaderDutiesActor({
      post: bus.postFor('leader-duties'),
      log: this.log,
      consensus: { barrier: async () => {} },
      node: `server-${this.name}`,
    });
    const children = [
      child('gateway-locator', locator, { ...names, directDialing: 'allowed' }),
      child('federation-support', support, names),
      child('leader-duties', leader, { duties }),
      ...joiners({
        bus,
        log: this.log,
        names,
        discover: () => this.#world.of(this.#primary).truth('wan'),
        primaryGateways: this.#options.primaryGateways,
        others: () =>
          this.#options.names.filter((dc) => dc !== this.name && this.believes(dc).length > 0),
        child,
      }),
    ];
    this.#root = startRoot({
      logic: createSupervisorActor({ log: this.log }),
      input: {
        children,
        strategy: 'one-for-one',
        intensity: 5,
        periodMs: 10_000,
        backoffMs: [10, 100],
      },
      name: 'server',
      clock: world.clock,
      bus,
    });
    const lan = membersView('lan', [server(`server-${this.name}`, this.name)]);
    bus
      .postFor('gossip.lan')
      .send('federation-support', { type: 'lan-members.changed', view: lan });
    world.clock.setTimeout(() => this.#lead(run), ELECTION_MS);
    this.#every(CHECK_INTERVAL_MS, run, () => this.#runChecks(raftApply));
    this.#every(GOSSIP_INTERVAL_MS, run, () => this.#gossip());
  }

  #receive(bus: Bus, run: number): void {
    bus.receive<'primary-gateways.discovered'>('agent', (message) => {
      if (message.type === 'primary-gateways.discovered')
        bus.postFor('agent').send('server', message);
    });
    bus.receive<'primary-gateways.discovered' | 'gateways.changed'>('server', (message) => {
      if (message.type === 'gateways.changed') this.picker.update(message.choices);
      if (message.type === 'primary-gateways.discovered') {
        const { addresses } = message;
        bus.postFor('server').send('gateway-locator', { type: 'fallback.refresh', addresses });
      }
    });
    bus.receive('rpc-router', () => {});
    bus.receive('wanfed-transport', () => {});
    bus.receive<'user-event.fire'>('gossip.lan', (message) => message.reply.answer(0n));
    bus.receive<'members.join'>('gossip.wan', (message) => {
      const targets = message.addresses.map((a) => a.slice(2, a.indexOf('/')));
      Promise.all(targets.map((dc) => this.#meets(dc))).then(
        () => {
          if (run === this.#run) message.reply.answer({ joined: targets.length, errors: [] });
        },
        (error: Error) => message.reply.refuse(error),
      );
    });
  }

  #lead(run: number): void {
    if (run !== this.#run || this.#bus === undefined) return;
    const post = this.#bus.postFor('raft');
    const view = { role: 'leader', leader: { id: '', address: '' } } as RaftView;
    post.send('gateway-locator', { type: 'raft.changed', view });
    post.send('gateway-locator', { type: 'leadership.gained', term: 1 });
    post.send('leader-duties', { type: 'leadership.gained', term: 1 });
  }

  async #apply(data: Uint8Array): Promise<unknown> {
    const run = this.#run;
    await this.#after(2);
    if (run !== this.#run) throw new Error('raft is already shutdown');
    this.#index += 1;
    const entry = { index: this.#index, term: 1, data, extensions: null };
    return this.fsm.apply([entry], this.#index).responses[0];
  }

  /** The agents' checks of the gateways; a gateway is registered anew wherever it is now. */
  async #runChecks(raftApply: ReturnType<typeof createRaftApply>): Promise<void> {
    const rows = serviceDumpByKind(this.fsm.store.view(), 'mesh-gateway').result;
    for (const gateway of this.#world.gateways.filter((g) => g.dc === this.name)) {
      const row = rows.find((entry) => entry.Node?.Node === gateway.name);
      const status = gateway.alive ? 'passing' : 'critical';
      const same = row?.Checks?.[0]?.Status === status && row.Service !== null;
      if (
        same &&
        lanOf(row.Service as NodeService) === gateway.lan &&
        wanAddress(row) === gateway.wan
      )
        continue;
      if (!gateway.alive && row === undefined) continue;
      await raftApply(
        COMMAND_TYPES.Register,
        RegisterRequest,
        registration(this.name, gateway, status),
      ).catch(() => {});
    }
  }

  /** Who is heard of: a datacenter is alive while it answered during the last half minute. */
  async #gossip(): Promise<void> {
    const run = this.#run;
    for (const dc of [...this.#heardAtMs.keys()]) await this.#meets(dc).catch(() => {});
    if (run !== this.#run) return;
    const nowMs = this.#host.world.clock.monotonic();
    const members: Member[] = [server(`s.${this.name}`, this.name)];
    for (const [dc, atMs] of this.#heardAtMs) {
      members.push(server(`s.${dc}`, dc, nowMs - atMs < FAILED_AFTER_MS ? 'alive' : 'failed'));
    }
    const message = { type: 'wan-members.changed', view: membersView('wan', members) } as const;
    const post = this.#bus?.postFor('gossip.wan');
    post?.send('retry-join.wan', message);
    post?.send('retry-join.primary-gateways', message);
    post?.send('federation-support', message);
  }

  /** A push/pull with any server of a datacenter: both learn of all that either knows. */
  async #meets(dc: string): Promise<void> {
    await this.connect(dc);
    const other = this.#world.of(dc);
    const run = this.#run;
    await this.#after(HOP_MS);
    if (run !== this.#run) throw new Error('gone');
    this.#hear(dc, true);
    other.#hear(this.name, true);
    for (const third of other.#heardAtMs.keys()) if (third !== this.name) this.#hear(third, false);
    for (const third of this.#heardAtMs.keys()) if (third !== dc) other.#hear(third, false);
  }

  #hear(dc: string, direct: boolean): void {
    if (direct || !this.#heardAtMs.has(dc))
      this.#heardAtMs.set(dc, this.#host.world.clock.monotonic());
  }

  /** The way to a server of another datacenter, as the dialer takes it: one gateway, then another. */
  async connect(dc: string): Promise<Path> {
    const first = this.picker.pickGateway(dc);
    if (first === undefined) throw new Error(NO_REMOTE_SERVER);
    try {
      return await this.#route(first, dc);
    } catch (error) {
      const cause = error as Error;
      this.picker.reportFailure(first, cause);
      const second = this.picker.pickGateway(dc, first);
      if (second === undefined || second === first) throw cause;
      try {
        return await this.#route(second, dc);
      } catch (again) {
        this.picker.reportFailure(second, again as Error);
        throw again;
      }
    }
  }

  async #route(address: string, dc: string): Promise<Path> {
    await this.#after(HOP_MS);
    const entry = this.#world.gateways.find(
      (g) => g.alive && ((g.dc === this.name && g.lan === address) || g.wan === address),
    );
    if (entry === undefined) throw new Error(`dial tcp ${address}: connect: connection refused`);
    const target = this.#world.of(dc);
    if (entry.dc === dc) {
      if (!target.up) throw new Error('connection reset by peer');
      return { gateways: [entry], addresses: [address] };
    }
    const known = this.#world.of(entry.dc).believes(dc);
    const next = known[Math.floor(this.#host.world.random.float() * known.length)];
    const exit = this.#world.gateways.find((g) => g.alive && g.dc === dc && g.wan === next);
    if (next === undefined || exit === undefined || !target.up) {
      throw new Error('connection reset by peer');
    }
    return { gateways: [entry, exit], addresses: [address, next] };
  }

  #caller(): RpcCaller {
    return {
      call: async (method, request, signal) => {
        const named = (request as { readonly Datacenter?: string }).Datacenter ?? '';
        const dc = method.routing?.to === 'primary' ? this.#primary : named;
        const target = this.#world.of(dc);
        const path = await this.connect(dc).catch((cause: Error) => {
          throw new Error(`rpc error getting client: failed to get conn: ${cause.message}`, {
            cause,
          });
        });
        const served = target.#endpoints.find((s) => s.method.name === method.name);
        if (served === undefined) throw new Error(`unknown method ${method.name}`);
        return (await this.#overPath(path, target, served.handle, request, signal)) as never;
      },
    };
  }

  /** Ends the call when a gateway on its way dies or moves, or the far server does. */
  #overPath(
    path: Path,
    target: Datacenter,
    handle: ServedMethod['handle'],
    request: unknown,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const run = target.#run;
    const { clock } = this.#host.world;
    return overPath(
      clock,
      () => target.#run !== run || isBroken(path),
      signal,
      (aborted) => handle(request, { remote: null, signal: aborted }),
    );
  }

  #every(ms: number, run: number, task: () => Promise<void>): void {
    const tick = (): void => {
      if (run !== this.#run) return;
      void task().then(() => this.#host.world.clock.setTimeout(tick, ms));
    };
    this.#host.world.clock.setTimeout(tick, this.#host.world.random.float() * ms);
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#host.world.clock.setTimeout(() => resolve(), ms);
    });
  }
}
