/**
 * Makes every server of the LAN pool known in the WAN pool: one that is missing there is joined,
 * when it appears and again every minute.
 */

import { fromPromise, setup } from 'xstate';
import { joinHostPort } from '../../src/host-port.ts';
import type { Member, MembersView } from '../../src/model/member.ts';
import type { Message } from '../messages.ts';

/** Consul 1.8. */
export const FLOOD_INTERVAL_MS = 60_000;

/** A server to be joined. */
export interface FloodTarget {
  readonly name: string;
  /** `<name>.<dc>/<ip>:<port>`. */
  readonly address: string;
}

export interface FloodContext {
  readonly datacenter: string;
  readonly lan: MembersView | undefined;
  readonly wan: MembersView | undefined;
  readonly targets: readonly FloodTarget[];
}

/**
 * Alive servers of the LAN that the WAN has no entry of, whatever its status; `unjoinable` are those
 * that have no WAN pool.
 */
export function missingInWan(context: FloodContext): {
  readonly targets: readonly FloodTarget[];
  readonly unjoinable: readonly string[];
} {
  const { datacenter, lan, wan } = context;
  const targets: FloodTarget[] = [];
  const unjoinable: string[] = [];
  if (lan === undefined || wan === undefined) return { targets, unjoinable };
  for (const member of lan.members.values()) {
    if (!isServer(member, datacenter) || member.status !== 'alive') continue;
    const name = `${member.name}.${datacenter}`;
    if (wan.members.has(name)) continue;
    const port = Number(member.tags['wan_join_port']);
    if (!Number.isInteger(port) || port < 1) unjoinable.push(member.name);
    else {
      const at = joinHostPort(member.address, port);
      targets.push({ name: member.name, address: `${name}/${at}` });
    }
  }
  return { targets, unjoinable };
}

function isServer({ tags }: Member, datacenter: string): boolean {
  return tags['role'] === 'consul' && tags['dc'] === datacenter;
}

const s = setup({
  types: {
    context: {} as FloodContext,
    events: {} as Message<'lan-members.changed' | 'wan-members.changed'>,
    input: {} as { readonly datacenter: string },
  },
  actors: {
    /** Joins them one by one; failures are logged there and tried again at the next round. */
    joinAll: fromPromise<void, { readonly targets: readonly FloodTarget[] }>(async () => {}),
  },
  actions: { announceUnjoinable: (_, _params: { readonly names: readonly string[] }) => {} },
  guards: {
    anyMissing: ({ context }) => missingInWan(context).targets.length > 0,
    /** The WAN pool changes with every packet of other datacenters; only the LAN brings servers. */
    serverJoined: ({ context, event }) =>
      event.type === 'lan-members.changed' &&
      (context.lan === undefined ||
        event.view.changes.some(
          ({ kind, member }) => kind === 'join' && isServer(member, context.datacenter),
        )),
    isFirstWanView: ({ context }) => context.wan === undefined,
  },
  delays: { interval: FLOOD_INTERVAL_MS },
});

const noteViews = s.assign(({ event }) =>
  event.type === 'lan-members.changed' ? { lan: event.view } : { wan: event.view },
);

export const floodJoinerMachine = s.createMachine({
  id: 'flood-joiner',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, lan: undefined, wan: undefined, targets: [] }),
  initial: 'watching',
  states: {
    watching: {
      on: {
        'lan-members.changed': [
          { guard: 'serverJoined', target: 'deciding', actions: noteViews },
          { actions: noteViews },
        ],
        'wan-members.changed': [
          { guard: 'isFirstWanView', target: 'deciding', actions: noteViews },
          { actions: noteViews },
        ],
      },
      after: { interval: 'deciding' },
    },
    deciding: {
      entry: {
        type: 'announceUnjoinable',
        params: ({ context }) => ({ names: missingInWan(context).unjoinable }),
      },
      always: [
        {
          guard: 'anyMissing',
          target: 'joining',
          actions: s.assign(({ context }) => ({ targets: missingInWan(context).targets })),
        },
        { target: 'watching' },
      ],
    },
    joining: {
      initial: 'undisturbed',
      invoke: {
        src: 'joinAll',
        input: ({ context }) => ({ targets: context.targets }),
        onError: 'watching',
      },
      states: {
        undisturbed: {
          on: {
            'xstate.done.actor.*': '#flood-joiner.watching',
            'lan-members.changed': [
              { guard: 'serverJoined', target: 'outdated', actions: noteViews },
              { actions: noteViews },
            ],
          },
        },
        /** A server came meanwhile: look again at once. */
        outdated: {
          on: {
            'xstate.done.actor.*': '#flood-joiner.deciding',
            'lan-members.changed': { actions: noteViews },
          },
        },
      },
      on: { 'wan-members.changed': { actions: noteViews } },
    },
  },
});
