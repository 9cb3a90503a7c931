/**
 * Finds the first contact, again and again until it works: one machine for the LAN pool, the WAN
 * pool and the gateways of the primary datacenter. For a federation it stays: when no server of the
 * primary is alive any more, it discovers and joins anew, since gateways move and members that were
 * gone for three days are forgotten by everybody.
 */

import { fromPromise, setup } from 'xstate';
import type { MembersView } from '../../src/model/member.ts';
import { failureOf, outputOf } from '../invoked.ts';
import type {
  RetryJoinContext,
  RetryJoinEvent,
  RetryJoinInput,
  RetryJoinVariant,
  Watched,
} from './retry-join.types.ts';

/** Consul's words when discovery brought nothing. */
const NOTHING_FOUND: Readonly<Record<RetryJoinVariant, string>> = {
  lan: 'No servers to join',
  wan: 'No servers to join',
  'primary-gateways': 'No mesh gateways found',
};

/** Whether what is watched is there, as the WAN pool sees it. */
export function isAlive(
  view: MembersView,
  names: Pick<RetryJoinInput, 'datacenter' | 'primaryDatacenter'>,
  watched: Watched,
): boolean {
  const aliveByDc = new Map<string, boolean>();
  for (const { tags, status } of view.members.values()) {
    const dc = tags['dc'];
    if (dc === undefined || tags['role'] !== 'consul') continue;
    aliveByDc.set(dc, aliveByDc.get(dc) === true || status === 'alive');
  }
  if (watched === 'primary') return aliveByDc.get(names.primaryDatacenter) === true;
  aliveByDc.delete(names.datacenter);
  return aliveByDc.size > 0 && [...aliveByDc.values()].every((alive) => alive);
}

function withNews(
  context: RetryJoinContext,
  event: RetryJoinEvent,
): Pick<RetryJoinContext, 'heard' | 'pathBroken'> {
  const { heard, pathBroken } = context;
  if (event.type === 'wan-members.changed') {
    return { heard: isAlive(event.view, context, context.watched), pathBroken };
  }
  if (event.type === 'primary-path.changed') return { heard, pathBroken: event.path === 'broken' };
  return { heard, pathBroken };
}

/** Early tries when nobody is known to join, and the pause between them. */
export const LOOKUPS_MAX = 5;
export const LOOKUP_PAUSE_MS = 1000;

const s = setup({
  types: {
    context: {} as RetryJoinContext,
    events: {} as RetryJoinEvent,
    input: {} as RetryJoinInput,
  },
  actors: {
    /** Addresses out of the configured entries; those that cannot be resolved are left out. */
    discover: fromPromise<readonly string[], { readonly addresses: readonly string[] }>(
      async () => [],
    ),
    /** Joins through them, or hands them over. The number of agents that took part. */
    join: fromPromise<number, { readonly addresses: readonly string[] }>(async () => 0),
  },
  actions: {
    announceStart: (
      _,
      _params: { readonly variant: RetryJoinVariant; readonly repeated: boolean },
    ) => {},
    announceSuccess: (
      _,
      _params: {
        readonly variant: RetryJoinVariant;
        readonly count: number;
        readonly repeated: boolean;
      },
    ) => {},
    announceRetry: (
      _,
      _params: {
        readonly variant: RetryJoinVariant;
        readonly intervalMs: number;
        readonly error: string;
      },
    ) => {},
    announceLoss: (_, _params: { readonly variant: RetryJoinVariant }) => {},
    /** Logs and tells the agent, which ends. */
    giveUp: (_, _params: { readonly variant: RetryJoinVariant }) => {},
  },
  guards: {
    hasNothingToDo: ({ context }) => context.watched !== 'others' && context.addresses.length === 0,
    mustWaitForGateways: ({ context }) => context.startsWith === 'gateways',
    foundNothing: (_, params: { readonly found: readonly string[] }) => params.found.length === 0,
    /** Nothing configured and nobody known: there is no failure in that. */
    mayFindNothing: ({ context }, params: { readonly found: readonly string[] }) =>
      params.found.length === 0 && context.watched === 'others',
    exhausted: ({ context }) =>
      !context.joinedOnce && context.attemptsMax > 0 && context.attempt + 1 > context.attemptsMax,
    isOver: ({ context }) => context.watched === 'nothing',
    isAlive: ({ context }) => context.heard && !context.pathBroken,
    becomesAlive: ({ context, event }) => {
      const { heard, pathBroken } = withNews(context, event);
      return heard && !pathBroken;
    },
  },
  delays: {
    interval: ({ context }) => context.intervalMs,
    /** A store that is still read from disk may know of others in a moment. */
    lostPause: ({ context }) =>
      context.joinedOnce || context.lookups === 0 || context.lookups >= LOOKUPS_MAX
        ? context.intervalMs
        : Math.min(LOOKUP_PAUSE_MS, context.intervalMs),
  },
});

const noteLookup = s.assign(({ context }) => ({
  lookups: Math.min(context.lookups + 1, LOOKUPS_MAX),
}));

const noteNews = s.assign(({ context, event }) => withNews(context, event));

const failed = (context: RetryJoinContext, error: string) => ({
  attempt: context.attempt + 1,
  error,
});

const variantOf = ({ context }: { readonly context: RetryJoinContext }) => ({
  variant: context.variant,
});

/** What news mean once joined. */
const changes = {
  inAlive: [
    { guard: 'becomesAlive', actions: noteNews },
    {
      target: 'lost',
      actions: [noteNews, { type: 'announceLoss', params: variantOf }],
    },
  ],
  inLost: [{ guard: 'becomesAlive', target: 'alive', actions: noteNews }, { actions: noteNews }],
} as const;

export const retryJoinMachine = s.createMachine({
  id: 'retry-join',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    ...input,
    attempt: 0,
    lookups: 0,
    joinedOnce: false,
    heard: false,
    pathBroken: false,
    found: [],
    error: '',
  }),
  on: {
    'wan-members.changed': { actions: noteNews },
    'primary-path.changed': { actions: noteNews },
  },
  initial: 'starting',
  states: {
    starting: {
      always: [
        { guard: 'hasNothingToDo', target: 'over' },
        { guard: 'mustWaitForGateways', target: 'waiting' },
        { target: 'trying' },
      ],
    },
    /** The word may have come before a restart of this actor: so not for ever. */
    waiting: { on: { 'gateways.ready': 'trying' }, after: { interval: 'trying' } },
    trying: {
      entry: {
        type: 'announceStart',
        params: ({ context }) => ({
          variant: context.variant,
          repeated: context.joinedOnce || context.lookups > 0,
        }),
      },
      /** Federation states know the gateways: what is configured is not needed any more. */
      on: {
        'primary-gateways.learned': {
          target: 'settled',
          actions: s.assign({ joinedOnce: true }),
        },
      },
      initial: 'discovering',
      states: {
        discovering: {
          invoke: {
            src: 'discover',
            input: ({ context }) => ({ addresses: context.addresses }),
            onDone: [
              {
                guard: {
                  type: 'mayFindNothing',
                  params: ({ event }) => ({ found: event.output }),
                },
                target: '#retry-join.settled',
                actions: noteLookup,
              },
              {
                guard: { type: 'foundNothing', params: ({ event }) => ({ found: event.output }) },
                target: 'deciding',
                actions: s.assign(({ context }) => ({
                  found: [],
                  error: NOTHING_FOUND[context.variant],
                })),
              },
              {
                target: 'joining',
                actions: s.assign((args) => ({
                  found: outputOf<readonly string[]>(args.event),
                })),
              },
            ],
            onError: {
              target: 'deciding',
              actions: s.assign((args) => ({
                error: failureOf(args.event),
              })),
            },
          },
        },
        joining: {
          invoke: {
            src: 'join',
            input: ({ context }) => ({ addresses: context.found }),
            onDone: {
              target: '#retry-join.settled',
              actions: [
                {
                  type: 'announceSuccess',
                  params: ({ context, event }) => ({
                    variant: context.variant,
                    count: event.output,
                    repeated: context.joinedOnce,
                  }),
                },
                s.assign({ joinedOnce: true, error: '' }),
              ],
            },
            onError: {
              target: 'deciding',
              actions: s.assign((args) => ({
                error: failureOf(args.event),
              })),
            },
          },
        },
        deciding: {
          always: [
            { guard: 'exhausted', target: '#retry-join.exhausted' },
            {
              target: 'pausing',
              actions: s.assign(({ context }) => failed(context, context.error)),
            },
          ],
        },
        pausing: {
          entry: {
            type: 'announceRetry',
            params: ({ context }) => ({
              variant: context.variant,
              intervalMs: context.intervalMs,
              error: context.error,
            }),
          },
          on: {
            /** Somebody else brought us together, for instance the pool's own reconnecting. */
            'wan-members.changed': [
              { guard: 'becomesAlive', target: '#retry-join.settled', actions: noteNews },
              { actions: noteNews },
            ],
          },
          after: { interval: 'discovering' },
        },
      },
    },
    settled: {
      always: [
        { guard: 'isOver', target: 'over' },
        { guard: 'isAlive', target: 'kept.alive' },
        { target: 'kept' },
      ],
    },
    /** Joined, and watching that it stays so. */
    kept: {
      initial: 'lost',
      states: {
        alive: {
          on: {
            'wan-members.changed': changes.inAlive,
            'primary-path.changed': changes.inAlive,
          },
        },
        lost: {
          on: {
            'wan-members.changed': changes.inLost,
            'primary-path.changed': changes.inLost,
          },
          after: { lostPause: '#retry-join.trying' },
        },
      },
    },
    /** Not final, so that whoever still tells of members or gateways finds somebody. */
    over: {},
    exhausted: { type: 'final', entry: { type: 'giveUp', params: variantOf } },
  },
});
