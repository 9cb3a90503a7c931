/**
 * Finds out, once for the life of the process, whether every server of this datacenter, and in a
 * secondary every server of the primary, understands federation states. Records in the own store
 * prove it too: then a restart in a half-visible pool does not switch the feature off.
 */

import { fromCallback, setup } from 'xstate';
import { allUnderstand } from '../../src/federation/support.ts';
import type { MembersView } from '../../src/model/member.ts';
import type { Message } from '../messages.ts';
import type { FederationStatesChanged } from './gateway-locator.types.ts';

export interface SupportContext {
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  readonly lan: MembersView | undefined;
  readonly wan: MembersView | undefined;
}

export type SupportEvent =
  | FederationStatesChanged
  | Message<'lan-members.changed' | 'wan-members.changed'>;

const s = setup({
  types: {
    context: {} as SupportContext,
    events: {} as SupportEvent,
    input: {} as Pick<SupportContext, 'datacenter' | 'primaryDatacenter'>,
  },
  actors: { storeWatch: fromCallback(() => {}) },
  actions: {
    latch: (_, _params: { readonly because: 'members' | 'records' }) => {},
  },
  guards: {
    allUnderstand: ({ context }) => {
      const { datacenter, primaryDatacenter, lan, wan } = context;
      const primary = datacenter === primaryDatacenter || allUnderstand(wan, primaryDatacenter);
      return primary && allUnderstand(lan, datacenter);
    },
    hasRecords: ({ event }) =>
      event.type === 'federation-states.changed' && event.records.length > 0,
  },
});

export const federationSupportMachine = s.createMachine({
  id: 'federation-support',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, lan: undefined, wan: undefined }),
  initial: 'unknown',
  states: {
    unknown: {
      invoke: { src: 'storeWatch', id: 'storeWatch' },
      always: {
        guard: 'allUnderstand',
        target: 'latched',
        actions: { type: 'latch', params: { because: 'members' } },
      },
      on: {
        'lan-members.changed': {
          actions: s.assign(({ event }) =>
            event.type === 'lan-members.changed' ? { lan: event.view } : {},
          ),
        },
        'wan-members.changed': {
          actions: s.assign(({ event }) =>
            event.type === 'wan-members.changed' ? { wan: event.view } : {},
          ),
        },
        'federation-states.changed': {
          guard: 'hasRecords',
          target: 'latched',
          actions: { type: 'latch', params: { because: 'records' } },
        },
      },
    },
    latched: { entry: s.assign({ lan: undefined, wan: undefined }) },
  },
});
