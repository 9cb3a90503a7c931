/**
 * Starts children in order, starts them again when they end, stops them in reverse.
 *
 * A crash stays with the nearest supervisor until it repeats too often: then the supervisor stops
 * its children and fails itself, so that the one above decides. Restarts are forgotten one by one,
 * each after the period, so that the machine needs no clock to count them.
 */

import { type AnyActorLogic, setup, stopChild } from 'xstate';
import { contained } from './supervisor.contained.ts';
import {
  backoffMs,
  childEnded,
  initialContext,
  planEnd,
  specOf,
  statusOf,
  withChild,
} from './supervisor.plan.ts';
import type { SupervisorContext, SupervisorEvent, SupervisorInput } from './supervisor.types.ts';

/** What a failed start is called in the view. */
export const NOT_READY = 'not ready in time';

const toStop = (context: SupervisorContext): string => context.toStop[0] ?? '';
const toStart = (context: SupervisorContext): string => context.toStart[0] ?? '';

const supervisor = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorInput,
  },
  actions: {
    /** A child ended without having been asked to; a failure that is passed up is not reported. */
    reportEnd: (_, _params: { readonly id: string; readonly error?: unknown }) => {},
    /** Stops what a failed child was running: XState stops children only with an actor that ends. */
    stopOrphans: (_, _params: { readonly id: string }) => {},
    /** A child did not finish in time and was stopped by force. */
    reportKill: (_, _params: { readonly id: string }) => {},
    /** Ends this supervisor with its failure; the actor side throws. */
    escalate: (_, _params: { readonly failure: unknown }) => {},
  },
  guards: {
    mustKill: ({ context }) =>
      context.toStop.length > 0 && specOf(context, toStop(context))?.shutdownMs === 0,
    mustStop: ({ context }) => context.toStop.length > 0,
    mustFail: ({ context }) => context.goal === 'fail',
    mustEnd: ({ context }) => context.goal === 'end',
    mustPause: ({ context }) => context.paused,
    mustStart: ({ context }) => context.toStart.length > 0,
    isStarted: ({ context }) => statusOf(context, toStart(context)) === 'running',
  },
  delays: {
    shutdownLimit: ({ context }) => specOf(context, toStop(context))?.shutdownMs ?? 0,
    readyLimit: ({ context }) => specOf(context, toStart(context))?.readyWithinMs ?? 0,
    backoff: ({ context }) => backoffMs(context),
    period: ({ context }) => context.periodMs,
  },
});

type SpawnAny = (
  logic: AnyActorLogic,
  options: { readonly id: string; readonly systemId: string; readonly input: unknown },
) => void;

const noteEnd = supervisor.enqueueActions(({ context, event, enqueue }) => {
  if (!('actorId' in event)) return;
  const id = event.actorId;
  const end = 'error' in event ? { error: event.error } : {};
  const asked = statusOf(context, id) === 'stopping';
  const next = childEnded(context, id, end);
  enqueue.assign(next);
  if ('error' in end) enqueue({ type: 'stopOrphans', params: { id } });
  enqueue(stopChild(id));
  if (!asked && next.goal !== 'fail') enqueue({ type: 'reportEnd', params: { id, ...end } });
  if (next.recentRestarts > context.recentRestarts) {
    enqueue.raise({ type: 'restart.forgotten' }, { delay: 'period' });
  }
});

const noteLate = supervisor.enqueueActions(({ context, enqueue }) => {
  const id = toStart(context);
  const error = new Error(NOT_READY);
  const next = childEnded(context, id, { error });
  enqueue.assign(next);
  enqueue(stopChild(id));
  if (next.goal !== 'fail') enqueue({ type: 'reportEnd', params: { id, error } });
  if (next.recentRestarts > context.recentRestarts) {
    enqueue.raise({ type: 'restart.forgotten' }, { delay: 'period' });
  }
});

const kill = supervisor.enqueueActions(({ context, enqueue }) => {
  const id = toStop(context);
  const asked = withChild(context, id, { status: 'stopping' });
  enqueue.assign(childEnded(asked, id, {}));
  enqueue(stopChild(id));
});

const askToStop = supervisor.enqueueActions(({ context, enqueue }) => {
  const id = toStop(context);
  if (statusOf(context, id) === 'stopping') return;
  enqueue.assign(withChild(context, id, { status: 'stopping' }));
  enqueue.sendTo(id, { type: 'shutdown' });
});

const start = supervisor.enqueueActions(({ context, enqueue }) => {
  const spec = specOf(context, toStart(context));
  // It may be alive already, when the failure of another child interrupted its start.
  if (!spec || statusOf(context, spec.id) !== 'waiting') return;
  const status = spec.readyWithinMs === undefined ? 'running' : 'starting';
  enqueue.assign(withChild(context, spec.id, { status }));
  // Children are data here, so the types know nothing of their logic.
  const spawn = enqueue.spawnChild as unknown as SpawnAny;
  spawn(contained(spec.logic), { id: spec.id, systemId: spec.id, input: spec.input });
});

const dropStarted = supervisor.assign(({ context }) => ({ toStart: context.toStart.slice(1) }));

const noteReady = supervisor.assign(({ context, event }) =>
  event.type === 'child.ready' && statusOf(context, event.id) === 'starting'
    ? withChild(context, event.id, { status: 'running' })
    : context,
);

const forgetRestart = supervisor.assign(({ context }) => ({
  recentRestarts: context.recentRestarts - 1,
}));

const endPause = supervisor.assign({ paused: false });

const planShutdown = supervisor.assign(({ context }) =>
  context.goal === 'run' ? planEnd(context, 'end') : context,
);

export const supervisorMachine = supervisor.createMachine({
  id: 'supervisor',
  context: ({ input }) => initialContext(input),
  initial: 'deciding',
  on: {
    'xstate.done.actor.*': { target: '.deciding', actions: noteEnd },
    'xstate.error.actor.*': { target: '.deciding', actions: noteEnd },
    shutdown: { target: '.deciding', actions: planShutdown },
    'child.ready': { actions: noteReady },
    'restart.forgotten': { actions: forgetRestart },
  },
  states: {
    deciding: {
      always: [
        { guard: 'mustKill', target: 'killing' },
        { guard: 'mustStop', target: 'stopping' },
        { guard: 'mustFail', target: 'failed' },
        { guard: 'mustEnd', target: 'stopped' },
        { guard: 'mustPause', target: 'pausing' },
        { guard: 'mustStart', target: 'starting' },
        { target: 'running' },
      ],
    },
    killing: {
      entry: kill,
      always: 'deciding',
    },
    stopping: {
      entry: askToStop,
      after: {
        shutdownLimit: {
          target: 'killing',
          actions: {
            type: 'reportKill',
            params: ({ context }) => ({ id: toStop(context) }),
          },
        },
      },
    },
    pausing: {
      after: { backoff: { target: 'deciding', actions: endPause } },
    },
    starting: {
      entry: start,
      always: { guard: 'isStarted', target: 'deciding', actions: dropStarted },
      after: { readyLimit: { target: 'deciding', actions: noteLate } },
    },
    running: {},
    stopped: { type: 'final' },
    failed: {
      type: 'final',
      entry: { type: 'escalate', params: ({ context }) => ({ failure: context.failure }) },
    },
  },
  options: { maxIterations: 1000 },
});
