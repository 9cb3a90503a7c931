/**
 * Who serves which datacenter, in which order they are tried, and who leads here.
 *
 * Gossip and raft say who is there; calls that fail turn the order; every two to three minutes the
 * order is shuffled and its head asked for a sign of life (`Status.Ping`). What follows is published
 * as one view, which callers read synchronously for each call.
 */

import { setup } from 'xstate';
import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import { nextRandom } from '../../src/mulberry32.ts';
import type { RouterView } from '../../src/rpc/router-view.ts';
import type { PingTarget, RouterContext, RouterEvent, RouterInput } from './router.types.ts';
import { pingTargets, reduce, sameLeadership, shuffleAll, viewOf } from './router-reducers.ts';

/** Pause between rounds of pings: this plus up to half as much (Consul: 120 … 180 s). */
const REBALANCE_MS = 120_000;
const REBALANCE_JITTER_MS = 60_000;
/** In large clusters the pause grows, so that servers see 64 pings a second at most (Consul). */
const REBALANCE_PER_NODE_MS = 15.625;
/** A datacenter that answered no ping is asked again sooner: it must heal without being called. */
const OFFLINE_REBALANCE_MS = 5_000;
/** A round of pings that has not ended by then is over. */
const PINGS_MS = 60_000;

const s = setup({
  types: {
    context: {} as RouterContext,
    events: {} as RouterEvent,
    input: {} as RouterInput,
  },
  actions: {
    publish: (_, _params: { readonly view: RouterView }) => {},
    /** Dialers pick from these from now on. */
    steer: (_, _params: { readonly choices: GatewayChoices }) => {},
    /** Answered by `pings.finished`, even when there is nobody to ask. */
    ping: (_, _params: { readonly targets: readonly PingTarget[] }) => {},
  },
  guards: {
    /** Raft tells of every index; only who leads matters here. */
    leadershipChanged: ({ context, event }) => !sameLeadership(context, event),
  },
  delays: {
    rebalance: ({ context }) => {
      if (context.view.datacenters.some(({ health }) => health === 'offline')) {
        return OFFLINE_REBALANCE_MS;
      }
      const servers = context.view.datacenters[0]?.servers.length ?? 0;
      const nodes = context.lan?.members.size ?? 0;
      const pause = Math.max(
        REBALANCE_MS,
        servers === 0 ? 0 : (nodes * REBALANCE_PER_NODE_MS) / servers,
      );
      return pause + (context.random / 2 ** 32) * REBALANCE_JITTER_MS;
    },
    pingsOver: PINGS_MS,
  },
});

const absorb = s.assign(({ context, event }) => {
  const changed = reduce(context, event);
  return { ...changed, ...viewOf(changed) };
});
const shuffle = s.assign(({ context }) => {
  const changed = shuffleAll(context);
  return { ...changed, ...viewOf(changed) };
});
const publish = {
  type: 'publish',
  params: ({ context }: { readonly context: RouterContext }) => ({ view: context.view }),
} as const;

export const rpcRouterMachine = s.createMachine({
  id: 'rpc-router',
  options: { maxIterations: 1000 },
  context: ({ input }) => {
    const empty: RouterView = {
      datacenter: input.datacenter,
      datacenters: [],
      leader: null,
      leading: false,
      heardFromLeader: false,
    };
    return {
      ...input,
      lan: null,
      wan: null,
      raft: null,
      orders: {},
      healths: {},
      random: nextRandom(input.seed),
      view: empty,
    };
  },
  entry: publish,
  on: {
    'lan-members.changed': { actions: [absorb, publish] },
    'wan-members.changed': { actions: [absorb, publish] },
    'raft.changed': { guard: 'leadershipChanged', actions: [absorb, publish] },
    'gateways.changed': {
      actions: [
        { type: 'steer', params: ({ event }) => ({ choices: event.choices }) },
        absorb,
        publish,
      ],
    },
    'call.failed': { actions: [absorb, publish] },
    'call.succeeded': { actions: [absorb, publish] },
  },
  initial: 'settled',
  states: {
    settled: { after: { rebalance: { target: 'pinging', actions: shuffle } } },
    pinging: {
      entry: [
        publish,
        {
          type: 'ping',
          params: ({ context }) => ({ targets: pingTargets(context) }),
        },
      ],
      on: { 'pings.finished': { target: 'settled', actions: [absorb, publish] } },
      after: { pingsOver: 'settled' },
    },
  },
});
