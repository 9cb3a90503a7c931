/**
 * What the RPC router's machine does with what it hears: servers by datacenter, their order, the
 * health of datacenters, and the view that follows. Pure.
 */

import type { Member, MembersView } from '../../src/model/member.ts';
import { nextRandom } from '../../src/mulberry32.ts';
import type { DatacenterView, RouterView, RpcServerEntry } from '../../src/rpc/router-view.ts';
import { endpointText } from '../../src/world/errors.ts';
import type { DatacenterHealth, PingTarget, RouterContext, RouterEvent } from './router.types.ts';

function serverOf(member: Member, datacenter: string): RpcServerEntry | undefined {
  const { role, dc, port } = member.tags;
  const number = Number(port);
  if (role !== 'consul' || dc === undefined || !(number > 0 && number < 65_536)) return undefined;
  if (datacenter !== '' && dc !== datacenter) return undefined;
  const suffix = `.${dc}`;
  const node = member.name.endsWith(suffix) ? member.name.slice(0, -suffix.length) : member.name;
  return { node, datacenter: dc, address: { address: member.address, port: number } };
}

interface Servers {
  readonly alive: readonly RpcServerEntry[];
  readonly unavailable: readonly RpcServerEntry[];
}

/** Servers by datacenter: the own ones as the LAN pool has them, the others as the WAN pool has. */
function serversByDatacenter(context: RouterContext): ReadonlyMap<string, Servers> {
  const all = new Map<string, { alive: RpcServerEntry[]; unavailable: RpcServerEntry[] }>();
  const add = (member: Member, datacenter: string): void => {
    const server = serverOf(member, datacenter);
    if (server === undefined || member.status === 'left') return;
    const own = server.datacenter === context.datacenter;
    if (own !== (datacenter !== '')) return;
    const servers = all.get(server.datacenter) ?? { alive: [], unavailable: [] };
    all.set(server.datacenter, servers);
    (member.status === 'alive' ? servers.alive : servers.unavailable).push(server);
  };
  for (const member of context.lan?.members.values() ?? []) add(member, context.datacenter);
  for (const member of context.wan?.members.values() ?? []) add(member, '');
  return all;
}

function shuffled(
  nodes: readonly string[],
  state: number,
): { readonly nodes: readonly string[]; readonly random: number } {
  const result = [...nodes];
  let random = state;
  for (let at = result.length - 1; at > 0; at--) {
    random = nextRandom(random);
    const other = random % (at + 1);
    [result[at], result[other]] = [result[other] as string, result[at] as string];
  }
  return { nodes: result, random };
}

/** Keeps the order of those that are still there; new ones go to random places. */
function mergeOrder(
  known: readonly string[],
  present: readonly string[],
  state: number,
): { readonly nodes: readonly string[]; readonly random: number } {
  const nodes = known.filter((node) => present.includes(node));
  let random = state;
  for (const node of present) {
    if (nodes.includes(node)) continue;
    random = nextRandom(random);
    nodes.splice(random % (nodes.length + 1), 0, node);
  }
  return { nodes, random };
}

function leaderOf(context: RouterContext, own: Servers | undefined): RpcServerEntry | null {
  const leader = context.raft?.leader;
  if (leader === undefined || own === undefined) return null;
  const byAddress = own.alive.find((server) => endpointText(server.address) === leader.address);
  if (byAddress !== undefined) return byAddress;
  const named = [...(context.lan?.members.values() ?? [])].find(
    (member) => leader.id !== '' && member.tags['id'] === leader.id,
  );
  return own.alive.find((server) => server.node === named?.name) ?? null;
}

export function viewOf(context: RouterContext): Pick<RouterContext, 'orders' | 'random' | 'view'> {
  const byDatacenter = serversByDatacenter(context);
  const orders: Record<string, readonly string[]> = {};
  let { random } = context;
  const names = [...byDatacenter.keys()].sort();
  const datacenters: DatacenterView[] = [];
  for (const name of names) {
    const servers = byDatacenter.get(name) as Servers;
    const present = servers.alive.map((server) => server.node).sort();
    const merged = mergeOrder(context.orders[name] ?? [], present, random);
    random = merged.random;
    orders[name] = merged.nodes;
    const ordered = merged.nodes.flatMap(
      (node) => servers.alive.find((s) => s.node === node) ?? [],
    );
    const health: DatacenterHealth = context.healths[name] ?? { health: 'unknown' };
    datacenters.push({ name, servers: ordered, unavailable: servers.unavailable, ...health });
  }
  const own = (view: DatacenterView): number => (view.name === context.datacenter ? 0 : 1);
  const view: RouterView = {
    datacenter: context.datacenter,
    datacenters: datacenters.sort((a, b) => own(a) - own(b)),
    leader: leaderOf(context, byDatacenter.get(context.datacenter)),
    leading: context.raft?.role === 'leader',
    heardFromLeader: context.raft?.role === 'leader' || context.raft?.lastContactMs !== undefined,
  };
  return { orders, random, view };
}

/** A datacenter is no longer offline when a server of it has joined or come back. */
function reviveOffline(context: RouterContext, view: MembersView): RouterContext['healths'] {
  const healths = { ...context.healths };
  for (const { kind, member } of view.changes) {
    const name = member.tags['dc'];
    if (name === undefined || (kind !== 'join' && kind !== 'update')) continue;
    if (healths[name]?.health === 'offline') delete healths[name];
  }
  return healths;
}

/** A gateway that was not there before may lead where nothing did: everybody gets another try. */
function forgetOffline(context: RouterContext): RouterContext['healths'] {
  const hopeful = Object.entries(context.healths).filter(([, { health }]) => health !== 'offline');
  return Object.fromEntries(hopeful);
}

function withHealth(
  context: RouterContext,
  datacenter: string,
  health: DatacenterHealth,
): RouterContext['healths'] {
  return { ...context.healths, [datacenter]: health };
}

/** The failed server goes to the end, if it still is at the head: others may have seen it too. */
function rotated(context: RouterContext, datacenter: string, node: string): readonly string[] {
  const [head, ...rest] = context.orders[datacenter] ?? [];
  if (head === undefined) return [];
  return head === node ? [...rest, head] : [head, ...rest];
}

function finishPings(
  context: RouterContext,
  event: Extract<RouterEvent, { type: 'pings.finished' }>,
): RouterContext {
  const orders = { ...context.orders };
  const healths = { ...context.healths };
  for (const { datacenter, alive, error } of event.results) {
    const order = orders[datacenter];
    if (order === undefined) continue;
    if (alive === null) {
      healths[datacenter] = { health: 'offline', ...(error !== undefined && { lastError: error }) };
    } else {
      healths[datacenter] = { health: 'reachable' };
      orders[datacenter] = [alive, ...order.filter((node) => node !== alive)];
    }
  }
  return { ...context, orders, healths };
}

export function shuffleAll(context: RouterContext): RouterContext {
  const orders: Record<string, readonly string[]> = {};
  let { random } = context;
  for (const [datacenter, nodes] of Object.entries(context.orders)) {
    const result = shuffled(nodes, random);
    orders[datacenter] = result.nodes;
    random = result.random;
  }
  return { ...context, orders, random: nextRandom(random) };
}

export function reduce(context: RouterContext, event: RouterEvent): RouterContext {
  switch (event.type) {
    case 'lan-members.changed':
      return { ...context, lan: event.view };
    case 'wan-members.changed':
      return { ...context, wan: event.view, healths: reviveOffline(context, event.view) };
    case 'raft.changed':
      return { ...context, raft: event.view };
    case 'gateways.changed':
      return { ...context, healths: forgetOffline(context) };
    case 'call.failed':
      return {
        ...context,
        orders: {
          ...context.orders,
          [event.datacenter]: rotated(context, event.datacenter, event.node),
        },
        healths: withHealth(context, event.datacenter, {
          health: 'failing',
          lastError: event.error,
        }),
      };
    case 'call.succeeded':
      return {
        ...context,
        healths: withHealth(context, event.datacenter, { health: 'reachable' }),
      };
    case 'pings.finished':
      return finishPings(context, event);
    default:
      event satisfies never;
      return context;
  }
}

/** A client agent asks its own servers, a server asks those of the other datacenters. */
export function pingTargets(context: RouterContext): readonly PingTarget[] {
  return context.view.datacenters
    .filter(({ name }) => (name === context.datacenter) === (context.role === 'client'))
    .filter(({ servers }) => servers.length > 0)
    .map(({ name, servers }) => ({ datacenter: name, servers }));
}

export function sameLeadership(context: RouterContext, event: RouterEvent): boolean {
  if (event.type !== 'raft.changed' || context.raft === null) return false;
  const { role, leader, lastContactMs } = event.view;
  return (
    (role === 'leader') === (context.raft.role === 'leader') &&
    leader?.id === context.raft.leader?.id &&
    leader?.address === context.raft.leader?.address &&
    (lastContactMs === undefined) === (context.raft.lastContactMs === undefined)
  );
}
