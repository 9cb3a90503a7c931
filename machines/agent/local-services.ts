/**
 * The agent's own services and checks, and their anti-entropy into the catalog. A change is written
 * at once; now and then everything is compared with what the catalog has. The agent is right: what
 * differs is written, what it does not know goes. What cannot be written waits for the next change
 * or the next full comparison.
 */

import { fromCallback, setup } from 'xstate';
import type { LocalCheck, LocalView } from '../../src/local/definitions.ts';
import {
  type CheckResult,
  emptyLocalState,
  isDirty,
  type LocalState,
  localView,
  withCheck,
  withDueOutputs,
  withoutCheck,
  withoutService,
  withResults,
  withService,
} from '../../src/local/state.ts';
import {
  type NodeFacts,
  pendingWrites,
  type RemoteCopy,
  type SyncWrite,
  withRemote,
  withWritten,
} from '../../src/local/sync.ts';
import type { MembersView } from '../../src/model/member.ts';
import type { Message, Reply } from '../messages.ts';

/** A full comparison comes this long after the last one, and up to as long again at random. */
export const FULL_SYNC_MS = 60_000;
/** After a failed one it comes sooner. */
export const FULL_SYNC_RETRY_MS = 15_000;
/** After a server joined or came to lead it comes within this, at random. */
export const SERVER_UP_SPREAD_MS = 3_000;
/** A changed output of an unchanged status waits half of this, and up to all of it at random. */
export const OUTPUT_WAIT_MS = 300_000;
/** Pools up to this size have full comparisons at the plain pace. */
const PLAIN_PACE_NODES_MAX = 128;

export interface LocalServicesInput {
  readonly facts: NodeFacts;
  /** What was registered before the last restart. */
  readonly restored: LocalView;
}

export type LocalServicesEvent =
  | Message<'local-service.register'>
  | Message<'local-service.deregister'>
  | Message<'local-check.register'>
  | Message<'local-check.deregister'>
  | Message<'local-check.feed'>
  | Message<'lan-members.changed'>
  | Message<'leader.heard-of'>
  | { readonly type: 'checks.resulted'; readonly results: readonly CheckResult[] }
  /** A check has been critical for longer than its service may live with it. */
  | { readonly type: 'service.doomed'; readonly id: string }
  | { readonly type: 'full-sync.due' }
  | { readonly type: 'outputs.due' }
  | { readonly type: 'remote.read'; readonly copy: RemoteCopy }
  | { readonly type: 'remote.failed'; readonly error: Error }
  | {
      readonly type: 'writes.done';
      readonly written: readonly SyncWrite[];
      readonly error: Error | null;
    };

export interface LocalServicesContext {
  readonly facts: NodeFacts;
  readonly state: LocalState;
  /** Grows with everything that may have to be written. */
  readonly revision: number;
  /** The revision that was last tried to be written. */
  readonly tried: number;
  readonly fullSync: 'wanted' | 'running' | 'none';
  /** Factor by which large pools slow full comparisons down. */
  readonly scale: number;
}

/** 1 up to 128 nodes, then one more for each doubling. */
export function syncScale(nodes: number): number {
  return nodes <= PLAIN_PACE_NODES_MAX ? 1 : Math.ceil(Math.log2(nodes) - 7) + 1;
}

function start({ facts, restored }: LocalServicesInput): LocalServicesContext {
  let state = emptyLocalState(facts.name);
  for (const service of restored.services.values()) state = withService(state, service, [], 'keep');
  for (const { definition, check } of restored.checks.values()) {
    state = withResults(withCheck(state, definition), [
      { id: definition.id, status: check.Status, output: check.Output },
    ]);
  }
  return { facts, state, revision: 1, tried: 0, fullSync: 'wanted', scale: 1 };
}

/** A long output is cut to its beginning. */
function fedOutput(
  state: LocalState,
  { id, output }: { readonly id: string; readonly output: string },
): string {
  const max = state.checks.get(id)?.local?.definition.outputBytesMax ?? 0;
  const bytes = Buffer.from(output);
  if (bytes.length <= max) return output;
  const kept = bytes.subarray(0, max).toString('utf8');
  return `${kept} ... (captured ${max} of ${bytes.length} bytes)`;
}

/** The state after an event; the same object when nothing changes. */
function nextState({ state, facts }: LocalServicesContext, event: LocalServicesEvent): LocalState {
  switch (event.type) {
    case 'local-service.register':
      return withService(state, event.service, event.checks, event.others);
    case 'local-service.deregister':
    case 'service.doomed':
      return withoutService(state, event.id);
    case 'local-check.register':
      return withCheck(state, event.definition);
    case 'local-check.deregister':
      return withoutCheck(state, event.id);
    case 'local-check.feed':
      return withResults(state, [{ ...event, output: fedOutput(state, event) }]);
    case 'checks.resulted':
      return withResults(state, event.results);
    case 'outputs.due':
      return withDueOutputs(state);
    case 'remote.read':
      return withRemote(state, facts, event.copy);
    case 'writes.done':
      return withWritten(state, event.written);
    default:
      return state;
  }
}

function serverJoined(view: MembersView, datacenter: string): boolean {
  return view.changes.some(
    ({ kind, member }) =>
      kind === 'join' && member.tags['role'] === 'consul' && member.tags['dc'] === datacenter,
  );
}

const localSetup = setup({
  types: {
    context: {} as LocalServicesContext,
    events: {} as LocalServicesEvent,
    input: {} as LocalServicesInput,
  },
  /** Lives as long as the machine: whatever runs for it ends with it. */
  actors: { upkeep: fromCallback(() => {}) },
  actions: {
    /** Read the catalog's copy of this node. */
    readRemote: () => {},
    /** Write to the catalog, in order; stop at the first failure that is no refusal. */
    write: (_, _params: { readonly writes: readonly SyncWrite[] }) => {},
    /** `full-sync.due` after this and up to `spreadMs` more; an armed one is replaced. */
    armFullSync: (_, _params: { readonly afterMs: number; readonly spreadMs: number }) => {},
    /** `outputs.due` after this and up to `spreadMs` more; an armed one stays. */
    armOutputs: (_, _params: { readonly afterMs: number; readonly spreadMs: number }) => {},
    /** Tell the readers, and run exactly the checks in it. */
    publish: (_, _params: { readonly view: LocalView }) => {},
    /** Keep what is registered across restarts, then answer. */
    commit: (_, _params: { readonly view: LocalView; readonly reply: Reply<null> }) => {},
    /** The same when nobody waits for it. */
    keep: (_, _params: { readonly view: LocalView }) => {},
    /** A TTL check was fed: its time begins again. */
    restartTtl: (_, _params: { readonly id: string }) => {},
    /** Keep what the check was fed with across restarts, for as long as its TTL, then answer. */
    commitFed: (_, _params: { readonly check: LocalCheck; readonly reply: Reply<null> }) => {},
    refuse: (_, _params: { readonly reply: Reply<null>; readonly text: string }) => {},
    announceFailure: (_, _params: { readonly what: string; readonly error: Error }) => {},
    announceDoom: (_, _params: { readonly id: string }) => {},
  },
  guards: {
    changesState: ({ context, event }) => nextState(context, event) !== context.state,
    serviceKnown: ({ context, event }) => {
      if (event.type !== 'local-check.register') return false;
      const { serviceId } = event.definition;
      return serviceId === '' || (context.state.services.get(serviceId)?.local ?? null) !== null;
    },
    hasTtl: ({ context, event }) =>
      event.type === 'local-check.feed' &&
      context.state.checks.get(event.id)?.local?.definition.run.kind === 'ttl',
    serverJoined: ({ context, event }) =>
      event.type === 'lan-members.changed' && serverJoined(event.view, context.facts.datacenter),
    fullSyncWanted: ({ context }) => context.fullSync === 'wanted',
    newsToWrite: ({ context }) => context.revision !== context.tried && isDirty(context.state),
    failed: ({ event }) => event.type === 'writes.done' && event.error !== null,
    fullSyncRunning: ({ context }) => context.fullSync === 'running',
    fullSyncFailed: ({ context, event }) =>
      event.type === 'writes.done' && event.error !== null && context.fullSync === 'running',
  },
});

const take = localSetup.assign(({ context, event }) => {
  const state = nextState(context, event);
  return state === context.state ? {} : { state, revision: context.revision + 1 };
});

/** Marks of what was written are no news. */
const takeWritten = localSetup.assign(({ context, event }) => ({
  state: nextState(context, event),
  fullSync: context.fullSync === 'running' ? ('none' as const) : context.fullSync,
}));

const wantFullSync = localSetup.assign({ fullSync: 'wanted' as const });
const beginFullSync = localSetup.assign({ fullSync: 'running' as const });
const endFullSync = localSetup.assign({ fullSync: 'none' as const });
const noteTried = localSetup.assign(({ context }) => ({ tried: context.revision }));

const noteMembers = localSetup.assign(({ event }) =>
  event.type === 'lan-members.changed' ? { scale: syncScale(event.view.members.size) } : {},
);

const publish = {
  type: 'publish',
  params: ({ context }: { context: LocalServicesContext }) => ({ view: localView(context.state) }),
} as const;

const keep = {
  type: 'keep',
  params: ({ context }: { context: LocalServicesContext }) => ({ view: localView(context.state) }),
} as const;

type WithReply = Extract<LocalServicesEvent, { readonly reply: Reply<null> }>;

const commit = {
  type: 'commit',
  params: ({ context, event }: { context: LocalServicesContext; event: WithReply }) => ({
    view: localView(context.state),
    reply: event.reply,
  }),
} as const;

function localCheck(state: LocalState, id: string): LocalCheck {
  const local = state.checks.get(id)?.local ?? null;
  if (local === null) throw new Error(`no check ${id} was fed`);
  return local;
}

function armed(afterMs: number, spreadMs: number) {
  return {
    type: 'armFullSync',
    params: ({ context }: { context: LocalServicesContext }) => ({
      afterMs,
      spreadMs: spreadMs * context.scale,
    }),
  } as const;
}

const armRegular = armed(FULL_SYNC_MS, FULL_SYNC_MS);
const armRetry = armed(FULL_SYNC_RETRY_MS, FULL_SYNC_RETRY_MS);
const armSoon = armed(0, SERVER_UP_SPREAD_MS);
const armOutputs = {
  type: 'armOutputs',
  params: { afterMs: OUTPUT_WAIT_MS / 2, spreadMs: OUTPUT_WAIT_MS },
} as const;

export const localServicesMachine = localSetup.createMachine({
  id: 'local-services',
  context: ({ input }) => start(input),
  initial: 'idle',
  invoke: { id: 'upkeep', src: 'upkeep' },
  entry: [publish],
  on: {
    'local-service.register': { actions: [take, publish, commit] },
    'local-service.deregister': { actions: [take, publish, commit] },
    'local-check.register': [
      { guard: 'serviceKnown', actions: [take, publish, commit] },
      {
        actions: {
          type: 'refuse',
          params: ({ event }) => ({
            reply: event.reply,
            text: `ServiceID ${JSON.stringify(event.definition.serviceId)} does not exist`,
          }),
        },
      },
    ],
    'local-check.deregister': { actions: [take, publish, commit] },
    'local-check.feed': [
      {
        guard: 'hasTtl',
        actions: [
          take,
          { type: 'restartTtl', params: ({ event }) => ({ id: event.id }) },
          publish,
          armOutputs,
          {
            type: 'commitFed',
            params: ({ context, event }) => ({
              check: localCheck(context.state, event.id),
              reply: event.reply,
            }),
          },
        ],
      },
      {
        actions: {
          type: 'refuse',
          params: ({ event }) => ({
            reply: event.reply,
            text: `CheckID ${JSON.stringify(event.id)} does not have associated TTL`,
          }),
        },
      },
    ],
    'checks.resulted': { guard: 'changesState', actions: [take, publish, armOutputs] },
    'service.doomed': {
      guard: 'changesState',
      actions: [
        take,
        { type: 'announceDoom', params: ({ event }) => ({ id: event.id }) },
        publish,
        keep,
      ],
    },
    'outputs.due': { actions: [take] },
    'full-sync.due': { actions: [wantFullSync] },
    'lan-members.changed': [
      { guard: 'serverJoined', actions: [noteMembers, armSoon] },
      { actions: [noteMembers] },
    ],
    'leader.heard-of': { actions: [armSoon] },
  },
  states: {
    idle: {
      always: [
        { guard: 'fullSyncWanted', target: 'comparing' },
        { guard: 'newsToWrite', target: 'writing' },
      ],
    },
    comparing: {
      entry: [beginFullSync, 'readRemote'],
      on: {
        'remote.read': { target: 'writing', actions: [take, publish] },
        'remote.failed': {
          target: 'idle',
          actions: [
            endFullSync,
            {
              type: 'announceFailure',
              params: ({ event }) => ({ what: 'failed to sync remote state', error: event.error }),
            },
            armRetry,
          ],
        },
      },
    },
    writing: {
      entry: [
        noteTried,
        {
          type: 'write',
          params: ({ context }) => ({ writes: pendingWrites(context.state, context.facts) }),
        },
      ],
      on: {
        'writes.done': [
          {
            guard: 'fullSyncFailed',
            target: 'idle',
            actions: [
              takeWritten,
              { type: 'announceFailure', params: ({ event }) => failure(event) },
              armRetry,
            ],
          },
          {
            guard: 'failed',
            target: 'idle',
            actions: [
              takeWritten,
              { type: 'announceFailure', params: ({ event }) => failure(event) },
            ],
          },
          { guard: 'fullSyncRunning', target: 'idle', actions: [takeWritten, armRegular] },
          { target: 'idle', actions: [takeWritten] },
        ],
      },
    },
  },
  options: { maxIterations: 1000 },
});

function failure(event: Extract<LocalServicesEvent, { readonly type: 'writes.done' }>) {
  return {
    what: 'failed to sync changes',
    error: event.error ?? new Error('unknown error'),
  };
}
