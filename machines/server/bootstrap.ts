/**
 * Decides when and with whom a new raft group is founded. Each server does this by itself: it waits
 * until as many servers as expected have shown up in the LAN pool, asks each whether it already
 * belongs to a group, and if none does writes the first configuration with all of them. Since all
 * see the same servers, all write the same one. (Consul's `bootstrap` and `bootstrap_expect`.)
 */

import { setup } from 'xstate';
import { joinHostPort } from '../../src/host-port.ts';
import { serverOfMember } from '../../src/model/consul-tags.ts';
import type { MembersView } from '../../src/model/member.ts';
import type { Message } from '../messages.ts';

/** Rounds of asking the others before giving the round up; the pause doubles from 1 s. */
export const ASK_ATTEMPTS_MAX = 6;
const FIRST_PAUSE_MS = 1_000;

/** A server of the own datacenter, as its gossip tags describe it. */
export interface Candidate {
  readonly id: string;
  readonly node: string;
  /** RPC address, `ip:port`. */
  readonly address: string;
  /** Its `expect` tag; 0 without one. */
  readonly expect: number;
  /** Whether it carries the `bootstrap` tag. */
  readonly bootstrap: boolean;
  readonly voter: boolean;
}

export interface BootstrapInput {
  /** Founds a group alone, at once. */
  readonly alone: boolean;
  /** Number of servers to wait for; 0 = never found one, wait to be added. */
  readonly expect: number;
  readonly self: Candidate;
  readonly datacenter: string;
}

export type BootstrapEvent =
  | Message<'lan-members.changed'>
  | Message<'raft.changed'>
  /** Every candidate was asked for its raft peers. */
  | { readonly type: 'candidates.answered'; readonly existing: readonly ExistingGroup[] }
  /** At least one could not be asked. */
  | { readonly type: 'candidates.unreachable'; readonly text: string };

/** A candidate that belongs to a group already. */
export interface ExistingGroup {
  readonly node: string;
  readonly peers: readonly string[];
}

export interface BootstrapContext {
  readonly input: BootstrapInput;
  readonly candidates: readonly Candidate[];
  readonly attempts: number;
}

const CONFLICTING_EXPECT =
  'Member has a conflicting expect value. All nodes should expect the same number.';
const FOUNDS_ALONE = 'Member has bootstrap mode. Expect disabled.';

/** Texts are those of Consul's log, which operators search for. */
export type Objection =
  | { readonly kind: 'conflict'; readonly text: string; readonly member: string }
  | { readonly kind: 'incomplete' };

/** Why a set of candidates does not found a group yet; `undefined` when it does. */
export function objection(expect: number, candidates: readonly Candidate[]): Objection | undefined {
  for (const candidate of candidates) {
    if (candidate.expect !== 0 && candidate.expect !== expect) {
      return { kind: 'conflict', text: CONFLICTING_EXPECT, member: candidate.node };
    }
    if (candidate.bootstrap) {
      return { kind: 'conflict', text: FOUNDS_ALONE, member: candidate.node };
    }
  }
  const voters = candidates.filter((candidate) => candidate.voter).length;
  if (voters >= expect) return undefined;
  return { kind: 'incomplete' };
}

/** Servers of `datacenter` that are alive: one that is silent could not answer for its group. */
export function candidatesOf(view: MembersView, datacenter: string): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const member of view.members.values()) {
    const server = member.status === 'alive' ? serverOfMember(member) : null;
    if (server === null || server.datacenter !== datacenter) continue;
    candidates.push({
      id: server.id,
      node: server.name,
      address: joinHostPort(server.address, server.port),
      expect: server.expect,
      bootstrap: server.bootstrap,
      voter: !server.nonVoter,
    });
  }
  return candidates.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function conflictOf(context: BootstrapContext, event: BootstrapEvent) {
  if (event.type !== 'lan-members.changed') return undefined;
  const { expect, datacenter } = context.input;
  const found = objection(expect, candidatesOf(event.view, datacenter));
  return found?.kind === 'conflict' ? found : undefined;
}

function holdsState(event: BootstrapEvent): boolean {
  if (event.type !== 'raft.changed') return false;
  const { lastIndex, snapshotIndex, term } = event.view;
  return lastIndex > 0 || snapshotIndex > 0 || term > 0;
}

const bootstrapSetup = setup({
  types: {
    context: {} as BootstrapContext,
    events: {} as BootstrapEvent,
    input: {} as BootstrapInput,
  },
  actions: {
    /** Write the first configuration: entry 1, term 1. */
    foundGroup: (_, _params: { readonly servers: readonly Candidate[] }) => {},
    /** Ask each for its raft peers, over RPC. */
    askCandidates: (_, _params: { readonly candidates: readonly Candidate[] }) => {},
    announceConflict: (_, _params: { readonly text: string; readonly member: string }) => {},
    announceState: () => {},
    announceExisting: (_, _params: { readonly groups: readonly ExistingGroup[] }) => {},
    announceUnreachable: (_, _params: { readonly text: string }) => {},
  },
  guards: {
    /** Log, vote or snapshot hold something: whatever this server is part of, founding is over. */
    hasState: ({ event }) => holdsState(event),
    /** The same, of a server that was to found one with others. */
    expectedNothing: ({ context, event }) => context.input.expect > 0 && holdsState(event),
    alone: ({ context }) => context.input.alone,
    neverFounds: ({ context }) => context.input.expect === 0,
    complete: ({ context }) => objection(context.input.expect, context.candidates) === undefined,
    conflicting: ({ context, event }) => conflictOf(context, event) !== undefined,
    /** Raft has a configuration: it was founded here, or a leader has sent one. */
    groupKnown: ({ event }) =>
      event.type === 'raft.changed' && event.view.configuration.servers.length > 0,
    existingGroup: ({ event }) => event.type === 'candidates.answered' && event.existing.length > 0,
    attemptsLeft: ({ context }) => context.attempts < ASK_ATTEMPTS_MAX,
  },
  delays: { askAgain: ({ context }) => FIRST_PAUSE_MS * 2 ** (context.attempts - 1) },
});

const noteCandidates = bootstrapSetup.assign(({ context, event }) => ({
  candidates:
    event.type === 'lan-members.changed'
      ? candidatesOf(event.view, context.input.datacenter)
      : context.candidates,
}));
const beginAsking = bootstrapSetup.assign({ attempts: 0 });
const countAttempt = bootstrapSetup.assign(({ context }) => ({ attempts: context.attempts + 1 }));

/** The machine; in `settled` there is nothing left to do. */
export const bootstrapMachine = bootstrapSetup.createMachine({
  id: 'raft-bootstrap',
  context: ({ input }) => ({ input, candidates: [], attempts: 0 }),
  initial: 'awaitingRaft',
  options: { maxIterations: 1000 },
  on: {
    'raft.changed': { guard: 'groupKnown', target: '.settled' },
    // Members may be known before the disk is read: what was heard last counts, whenever it came.
    'lan-members.changed': { actions: noteCandidates },
  },
  states: {
    /** Only when the disk has been read is it known whether there is anything to found. */
    awaitingRaft: {
      on: {
        'raft.changed': [
          { guard: 'expectedNothing', target: 'settled', actions: 'announceState' },
          { guard: 'hasState', target: 'settled' },
          { target: 'deciding' },
        ],
      },
    },
    deciding: {
      always: [
        { guard: 'alone', target: 'foundingAlone' },
        { guard: 'neverFounds', target: 'awaitingInvitation' },
        { target: 'awaitingServers' },
      ],
    },
    foundingAlone: {
      entry: {
        type: 'foundGroup',
        params: ({ context }) => ({ servers: [context.input.self] }),
      },
    },
    awaitingInvitation: {},
    awaitingServers: {
      always: { guard: 'complete', target: 'asking', actions: beginAsking },
      on: {
        'lan-members.changed': [
          {
            guard: 'conflicting',
            actions: [
              noteCandidates,
              {
                type: 'announceConflict',
                params: ({ context, event }) => ({
                  text: conflictOf(context, event)?.text ?? '',
                  member: conflictOf(context, event)?.member ?? '',
                }),
              },
            ],
          },
          { actions: noteCandidates },
        ],
      },
    },
    asking: {
      entry: [
        countAttempt,
        {
          type: 'askCandidates',
          params: ({ context }) => ({ candidates: context.candidates }),
        },
      ],
      on: {
        'candidates.answered': [
          {
            guard: 'existingGroup',
            target: 'awaitingInvitation',
            actions: {
              type: 'announceExisting',
              params: ({ event }) => ({ groups: event.existing }),
            },
          },
          { target: 'founding' },
        ],
        'candidates.unreachable': [
          { guard: 'attemptsLeft', target: 'pausing' },
          {
            target: 'resting',
            actions: { type: 'announceUnreachable', params: ({ event }) => ({ text: event.text }) },
          },
        ],
      },
    },
    pausing: { after: { askAgain: 'asking' } },
    /** Asking was in vain: tried again when something changes in the pool. */
    resting: {
      on: { 'lan-members.changed': { target: 'awaitingServers', actions: noteCandidates } },
    },
    founding: {
      entry: { type: 'foundGroup', params: ({ context }) => ({ servers: context.candidates }) },
    },
    settled: {},
  },
});
