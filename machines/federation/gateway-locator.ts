/**
 * Knows which mesh gateways lead where. It reads them from the own store once a raft leader was
 * heard of (a stale disk must not decide), adds what configuration says of the primary's gateways,
 * and judges by the outcome of replication whether a secondary reaches its primary through its own
 * gateways or has to dial the primary's directly. Behaves as Consul since 1.9.3: followers never
 * leave the local way, and nothing is picked before the store was read.
 */

import { fromCallback, setup } from 'xstate';
import type { RaftView } from '../../src/consensus/consensus.ts';
import { gatewayLists } from '../../src/federation/gateway-addresses.ts';
import {
  type GatewayChoices,
  gatewaysToward,
  mergeSorted,
  noChoices,
  type PathMode,
} from '../../src/federation/gateway-choices.ts';
import type {
  FederationStatesChanged,
  LocatorContext,
  LocatorEvent,
  LocatorInput,
  LocatorNews,
} from './gateway-locator.types.ts';

/** Failed fetches in a row after which the local way counts as broken (Consul 1.8). */
export const FAILURES_UNTIL_DIRECT = 3;
/** Gateways whose last fault is kept; beyond, the one noted first is forgotten. */
export const FAULTS_MAX = 256;

type Change = Partial<Omit<LocatorContext, 'choices' | 'news'>> & {
  readonly choices?: Partial<GatewayChoices>;
  readonly news?: readonly LocatorNews[];
};

/** Applies a change and works out what is new for others. */
function changed(context: LocatorContext, change: Change): LocatorContext {
  const choices = change.choices ? { ...context.choices, ...change.choices } : context.choices;
  const next = { ...context, ...change, choices };
  const news: LocatorNews[] = [...(change.news ?? [])];
  if (sameChoices(choices, context.choices)) return { ...next, choices: context.choices, news };
  const secondary = choices.datacenter !== choices.primaryDatacenter;
  news.push({ kind: 'choices', choices });
  if (!sameLists(choices, context.choices)) news.push({ kind: 'locations', choices });
  if (choices.mode !== context.choices.mode && secondary) news.push({ kind: 'mode', choices });
  const learned = context.learned || choices.primary.length > 0;
  if (learned && !context.learned && secondary)
    news.push({ kind: 'learned', addresses: choices.primary });
  const local = choices.populated ? choices.local : [];
  const toward = secondary ? gatewaysToward(choices, choices.primaryDatacenter) : local;
  const ready = context.ready || toward.length > 0;
  if (ready && !context.ready) news.push({ kind: 'ready', choices });
  return { ...next, learned, ready, news };
}

const equal = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

const sameLists = (a: GatewayChoices, b: GatewayChoices): boolean =>
  equal(a.local, b.local) && equal(a.primary, b.primary);

const sameChoices = (a: GatewayChoices, b: GatewayChoices): boolean =>
  sameLists(a, b) &&
  equal(a.fallback, b.fallback) &&
  a.mode === b.mode &&
  a.populated === b.populated;

function located(context: LocatorContext, event: FederationStatesChanged): LocatorContext {
  return changed(context, {
    choices: { ...gatewayLists(event, context.choices), populated: true },
  });
}

function withFallback(context: LocatorContext, addresses: readonly string[]): LocatorContext {
  const fallback = mergeSorted(addresses);
  if (equal(fallback, context.choices.fallback)) return changed(context, {});
  return changed(context, {
    choices: { fallback },
    news: [{ kind: 'fallback', addresses: fallback }],
  });
}

function withFault(context: LocatorContext, address: string, error: string): LocatorContext {
  const faults = new Map(context.faults);
  const before = faults.get(address);
  const fault = { error, count: (before?.count ?? 0) + 1 };
  faults.set(address, fault);
  // Said when it is new or another, and at each power of two: a flood is not one line each.
  const worthSaying = before?.error !== error || (fault.count & (fault.count - 1)) === 0;
  const first = faults.keys().next().value;
  if (faults.size > FAULTS_MAX && first !== undefined) faults.delete(first);
  return changed(context, { faults, news: worthSaying ? [{ kind: 'fault', address, fault }] : [] });
}

function heardOfLeader(view: RaftView): boolean {
  return view.role === 'leader' || view.leader !== undefined;
}

const s = setup({
  types: {
    context: {} as LocatorContext,
    events: {} as LocatorEvent,
    input: {} as LocatorInput,
  },
  actors: {
    /** Sends `federation-states.changed` at once and with every change, until stopped. */
    storeWatch: fromCallback(() => {}),
  },
  actions: {
    /** Sends out and logs what a transition brought, in order. */
    tell: (_, _params: { readonly news: readonly LocatorNews[] }) => {},
  },
  guards: {
    heardOfLeader: ({ event }) => event.type === 'raft.changed' && heardOfLeader(event.view),
    leading: ({ context }) => context.leading,
    isLastStraw: ({ context }) => context.leading && context.failures + 1 >= FAILURES_UNTIL_DIRECT,
  },
});

const apply = (reduce: (context: LocatorContext, event: LocatorEvent) => LocatorContext) =>
  s.assign(({ context, event }) => reduce(context, event));

const tell = {
  type: 'tell',
  params: ({ context }: { readonly context: LocatorContext }) => ({ news: context.news }),
} as const;

/** One assign, then what it brought. */
const doing = (reduce: (context: LocatorContext, event: LocatorEvent) => LocatorContext) => [
  apply(reduce),
  tell,
];

const switchTo = (mode: PathMode, failures: (before: number) => number) =>
  doing((context) => changed(context, { choices: { mode }, failures: failures(context.failures) }));

const none = (): number => 0;
const oneMore = (before: number): number => before + 1;

const locate = doing((context, event) =>
  event.type === 'federation-states.changed' ? located(context, event) : context,
);
const leadershipGained = doing((context) => changed(context, { leading: true, failures: 0 }));
const leadershipLost = doing((context) =>
  changed(context, { leading: false, failures: 0, choices: { mode: 'local' } }),
);

export const gatewayLocatorMachine = s.createMachine({
  id: 'gateway-locator',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    choices: noChoices(input),
    leading: false,
    failures: 0,
    learned: false,
    ready: false,
    faults: new Map(),
    news: [],
  }),
  on: {
    'fallback.refresh': {
      actions: doing((context, event) =>
        event.type === 'fallback.refresh' ? withFallback(context, event.addresses) : context,
      ),
    },
    'gateway.unreachable': {
      actions: doing((context, event) =>
        event.type === 'gateway.unreachable'
          ? withFault(context, event.address, event.error)
          : context,
      ),
    },
    'leadership.lost': { actions: leadershipLost },
  },
  initial: 'recovering',
  states: {
    /** No leader was heard of: what lies on disk may be of long ago. */
    recovering: {
      on: {
        'raft.changed': { guard: 'heardOfLeader', target: 'following' },
        'leadership.gained': { target: 'following', actions: leadershipGained },
      },
    },
    following: {
      invoke: { src: 'storeWatch', id: 'storeWatch' },
      on: {
        'federation-states.changed': { actions: locate },
        'leadership.gained': { actions: leadershipGained },
      },
      initial: 'reading',
      states: {
        reading: {
          on: { 'federation-states.changed': { target: 'local', actions: locate } },
        },
        /** The own gateways lead to the primary, as far as is known. */
        local: {
          on: {
            'replication.failed': [
              { guard: 'isLastStraw', target: 'direct', actions: switchTo('direct', oneMore) },
              { guard: 'leading', actions: switchTo('local', oneMore) },
            ],
            'replication.succeeded': { guard: 'leading', actions: switchTo('local', none) },
          },
        },
        /** Replication failed too often through the own gateways: dial the primary's. */
        direct: {
          on: {
            'replication.failed': { actions: switchTo('direct', oneMore) },
            'replication.succeeded': { target: 'local', actions: switchTo('local', none) },
            'leadership.lost': { target: 'local', actions: leadershipLost },
          },
        },
      },
    },
  },
});
