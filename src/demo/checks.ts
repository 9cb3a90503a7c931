/**
 * What must be true of a demo federation, as a list of questions to the agents' HTTP API. A check is
 * asked until it holds; the list is the definition of "it works".
 */

import type { DemoPlan, DemoServer } from './plan.ts';

/** Milestones in the order in which people care for them. */
export const MILESTONES = [
  'servers up',
  'leaders elected',
  'gateways registered and passing',
  'datacenters federated',
  'federation states replicated',
  'every datacenter answers for every other',
  'services found from everywhere',
] as const;

export type Milestone = (typeof MILESTONES)[number];

/** Outcome of one asking: it holds, or why it does not yet. */
export type CheckOutcome =
  | { readonly holds: true; readonly detail: string }
  | { readonly holds: false; readonly why: string };

/** Asks an agent's API; rejects when the agent does not answer with 2xx. */
export type AskAgent = (baseUrl: string, path: string) => Promise<unknown>;

export interface Check {
  readonly id: string;
  readonly milestone: Milestone;
  ask(agent: AskAgent): Promise<CheckOutcome>;
}

/** Name of the service that the demo registers in a datacenter. */
export function demoServiceName(dc: string): string {
  return `hello-${dc}`;
}

/** All checks of the plan. */
export function demoChecks(plan: DemoPlan): readonly Check[] {
  return [
    ...plan.servers.map(serverUp),
    ...plan.servers.map(leaderKnown),
    ...firstServers(plan).map(gatewayPassing),
    ...plan.servers.map((server) => wanComplete(server, plan)),
    ...plan.servers.map((server) => statesComplete(server, plan)),
    ...plan.servers.flatMap((server) => answersFor(server, plan)),
    ...plan.servers.flatMap((server) => servicesFound(server, plan)),
  ];
}

function firstServers(plan: DemoPlan): readonly DemoServer[] {
  return plan.datacenters.flatMap((dc) => plan.servers.find((server) => server.dc === dc) ?? []);
}

function serverUp(server: DemoServer): Check {
  return {
    id: `${server.id} up`,
    milestone: 'servers up',
    ask: async (agent) => {
      await agent(server.http, '/v1/agent/self');
      return { holds: true, detail: server.http };
    },
  };
}

function leaderKnown(server: DemoServer): Check {
  return {
    id: `${server.id} knows a leader`,
    milestone: 'leaders elected',
    ask: async (agent) => {
      const leader = await agent(server.http, '/v1/status/leader');
      return typeof leader === 'string' && leader !== ''
        ? { holds: true, detail: leader }
        : { holds: false, why: 'no leader yet' };
    },
  };
}

function gatewayPassing(server: DemoServer): Check {
  return {
    id: `${server.dc} gateway passing`,
    milestone: 'gateways registered and passing',
    ask: async (agent) => {
      const found = await agent(server.http, '/v1/health/service/mesh-gateway?passing');
      return lengthOf(found) > 0
        ? { holds: true, detail: `${lengthOf(found)} passing` }
        : { holds: false, why: 'no passing mesh-gateway in the catalog' };
    },
  };
}

/** Serf's status number of an alive member. */
const ALIVE = 1;

function wanComplete(server: DemoServer, plan: DemoPlan): Check {
  return {
    id: `${server.id} sees all servers`,
    milestone: 'datacenters federated',
    ask: async (agent) => {
      const members = listOf(await agent(server.http, '/v1/agent/members?wan=1'));
      const alive = new Set(
        members
          .filter((member) => field(member, 'Status') === ALIVE)
          .map((member) => String(field(member, 'Name'))),
      );
      const missing = plan.servers
        .map((other) => `${other.node}.${other.dc}`)
        .filter((name) => !alive.has(name));
      return missing.length === 0
        ? { holds: true, detail: `${alive.size} alive` }
        : { holds: false, why: `not alive in the WAN pool: ${missing.join(', ')}` };
    },
  };
}

function statesComplete(server: DemoServer, plan: DemoPlan): Check {
  return {
    id: `${server.id} has all federation states`,
    milestone: 'federation states replicated',
    ask: async (agent) => {
      const states = listOf(await agent(server.http, '/v1/internal/federation-states?stale'));
      const complete = new Set(
        states
          .filter((state) => lengthOf(field(state, 'MeshGateways')) > 0)
          .map((state) => String(field(state, 'Datacenter'))),
      );
      const missing = plan.datacenters.filter((dc) => !complete.has(dc));
      return missing.length === 0
        ? { holds: true, detail: `${states.length} states` }
        : { holds: false, why: `no gateways known of ${missing.join(', ')}` };
    },
  };
}

function answersFor(server: DemoServer, plan: DemoPlan): readonly Check[] {
  return otherDatacenters(server, plan).map((dc) => ({
    id: `${server.id} answers for ${dc}`,
    milestone: 'every datacenter answers for every other',
    ask: async (agent): Promise<CheckOutcome> => {
      const nodes = await agent(server.http, `/v1/catalog/nodes?dc=${dc}`);
      return lengthOf(nodes) >= plan.settings.servers
        ? { holds: true, detail: `${lengthOf(nodes)} nodes` }
        : { holds: false, why: `${lengthOf(nodes)} of ${plan.settings.servers} nodes` };
    },
  }));
}

function servicesFound(server: DemoServer, plan: DemoPlan): readonly Check[] {
  return otherDatacenters(server, plan).map((dc) => ({
    id: `${server.id} finds ${demoServiceName(dc)}`,
    milestone: 'services found from everywhere',
    ask: async (agent): Promise<CheckOutcome> => {
      const path = `/v1/health/service/${demoServiceName(dc)}?passing&dc=${dc}`;
      const found = lengthOf(await agent(server.http, path));
      return found > 0
        ? { holds: true, detail: `${found} instance` }
        : { holds: false, why: `${demoServiceName(dc)} is not in the catalog of ${dc} yet` };
    },
  }));
}

function otherDatacenters(server: DemoServer, plan: DemoPlan): readonly string[] {
  return plan.datacenters.filter((dc) => dc !== server.dc);
}

function listOf(json: unknown): readonly unknown[] {
  return Array.isArray(json) ? json : [];
}

function lengthOf(json: unknown): number {
  return listOf(json).length;
}

function field(json: unknown, name: string): unknown {
  return typeof json === 'object' && json !== null
    ? (json as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
