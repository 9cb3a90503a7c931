/**
 * Keeps the picture that a gateway works by. It is put together from parts that are watched one by
 * one; a new picture is published when every part was seen once, and from then on after changes,
 * several close together as one. A part that cannot be read for a while keeps its last content.
 */

import { fromCallback, setup } from 'xstate';
import type { ServiceInstance } from '../../src/gateway/instances.ts';
import type { GatewaySnapshot, InstancesByDatacenter } from '../../src/gateway/snapshot.ts';

/** Changes that come within this time are published together (Consul 1.9). */
export const COALESCE_MS = 200;

/** One part of the picture, read anew. */
export type PartEvent =
  | {
      readonly type: 'part.read';
      readonly part: 'agent';
      readonly datacenter: string;
      readonly domain: string;
    }
  | {
      readonly type: 'part.read';
      readonly part: 'servers';
      readonly servers: readonly ServiceInstance[];
    }
  | {
      readonly type: 'part.read';
      readonly part: 'federation-states';
      readonly gateways: InstancesByDatacenter;
    };

export type ProxyWatchEvent = PartEvent | { readonly type: 'shutdown' };

export interface ProxyWatchInput {
  /** Whether servers are exposed: without it there is nothing to know but the agent. */
  readonly exposesServers: boolean;
}

export interface ProxyWatchContext extends ProxyWatchInput {
  readonly agent?: { readonly datacenter: string; readonly domain: string };
  readonly servers?: readonly ServiceInstance[];
  readonly federationGateways?: InstancesByDatacenter;
}

/** The picture; `undefined` while parts are missing. */
function snapshotOf(context: ProxyWatchContext): GatewaySnapshot | undefined {
  const { agent, servers, federationGateways, exposesServers } = context;
  if (agent === undefined) return undefined;
  if (exposesServers && (servers === undefined || federationGateways === undefined)) {
    return undefined;
  }
  return {
    ...agent,
    exposesServers,
    servers: servers ?? [],
    federationGateways: federationGateways ?? new Map(),
    remoteGateways: new Map(),
  };
}

function withPart(context: ProxyWatchContext, event: ProxyWatchEvent): ProxyWatchContext {
  if (event.type !== 'part.read') return context;
  switch (event.part) {
    case 'agent':
      return { ...context, agent: { datacenter: event.datacenter, domain: event.domain } };
    case 'servers':
      return { ...context, servers: event.servers };
    case 'federation-states':
      return { ...context, federationGateways: event.gateways };
    default:
      return event satisfies never;
  }
}

const s = setup({
  types: {
    context: {} as ProxyWatchContext,
    events: {} as ProxyWatchEvent,
    input: {} as ProxyWatchInput,
  },
  actors: {
    /** Sends `part.read` for each part, at once and with every change, until stopped. */
    watches: fromCallback<ProxyWatchEvent, ProxyWatchInput>(() => {}),
  },
  actions: {
    publish: (_, _params: { readonly snapshot: GatewaySnapshot | undefined }) => {},
  },
  guards: {
    complete: ({ context }) => snapshotOf(context) !== undefined,
  },
  delays: { coalesce: COALESCE_MS },
});

const keepPart = s.assign(({ context, event }) => withPart(context, event));

const publish = {
  type: 'publish',
  params: ({ context }: { readonly context: ProxyWatchContext }) => ({
    snapshot: snapshotOf(context),
  }),
} as const;

export const proxyWatchMachine = s.createMachine({
  id: 'proxy-watch',
  context: ({ input }) => ({ ...input }),
  initial: 'watching',
  states: {
    watching: {
      invoke: {
        src: 'watches',
        input: ({ context }) => ({ exposesServers: context.exposesServers }),
      },
      on: { shutdown: 'stopped' },
      initial: 'gathering',
      states: {
        /** Some part was never read. */
        gathering: {
          on: { 'part.read': { actions: keepPart } },
          always: { guard: 'complete', target: 'current', actions: publish },
        },
        /** What was published is what is known. */
        current: {
          on: { 'part.read': { target: 'settling', actions: keepPart } },
        },
        /** Something changed; more may follow. */
        settling: {
          on: { 'part.read': { actions: keepPart } },
          after: { coalesce: { target: 'current', actions: publish } },
        },
      },
    },
    stopped: { type: 'final' },
  },
  options: { maxIterations: 1000 },
});
