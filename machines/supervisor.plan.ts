/** Pure decisions of a supervisor: what to stop and what to start, after what happened. */

import { textOf } from '../src/error-text.ts';
import { FatalError } from '../src/fatal-error.ts';
import type {
  ChildSpec,
  ChildStatus,
  ChildView,
  SupervisorContext,
  SupervisorInput,
} from './supervisor.types.ts';

export function initialContext(input: SupervisorInput): SupervisorContext {
  return {
    ...input,
    view: input.children.map(({ id }) => ({ id, status: 'waiting', restarts: 0 })),
    toStop: [],
    toStart: input.children.map(({ id }) => id),
    recentRestarts: 0,
    paused: false,
    goal: 'run',
  };
}

export function specOf(context: SupervisorContext, id: string | undefined): ChildSpec | undefined {
  return context.children.find((child) => child.id === id);
}

export function statusOf(context: SupervisorContext, id: string): ChildStatus | undefined {
  return context.view.find((child) => child.id === id)?.status;
}

export function withChild(
  context: SupervisorContext,
  id: string,
  change: Partial<ChildView>,
): SupervisorContext {
  const view = context.view.map((child) => (child.id === id ? { ...child, ...change } : child));
  return { ...context, view };
}

function isLive(context: SupervisorContext, id: string): boolean {
  const status = statusOf(context, id);
  return status === 'starting' || status === 'running' || status === 'stopping';
}

/** Live children to stop, last started first; the one that is being stopped stays in front. */
function stopOrder(context: SupervisorContext, ids: ReadonlySet<string>): readonly string[] {
  const live = context.children
    .map(({ id }) => id)
    .filter((id) => ids.has(id) && isLive(context, id))
    .reverse();
  const asked = live.filter((id) => statusOf(context, id) === 'stopping');
  return [...asked, ...live.filter((id) => !asked.includes(id))];
}

/** Everything is to be stopped, for the given reason. */
export function planEnd(
  context: SupervisorContext,
  goal: 'end' | 'fail',
  failure?: unknown,
): SupervisorContext {
  const all = new Set(context.children.map(({ id }) => id));
  return {
    ...context,
    goal,
    paused: false,
    toStart: [],
    toStop: stopOrder(context, all),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** What an end of a child means. `error` undefined: it finished by itself. */
export function childEnded(
  context: SupervisorContext,
  id: string,
  end: { readonly error?: unknown },
): SupervisorContext {
  const spec = specOf(context, id);
  const was = statusOf(context, id);
  if (!spec || was === undefined) return context;
  const failed = 'error' in end;
  const asked = was === 'stopping';
  const again =
    !asked && (spec.restart === 'permanent' || (failed && spec.restart === 'transient'));
  const status = again || (asked && context.toStart.includes(id)) ? 'waiting' : 'finished';
  const noted = {
    ...withChild(context, id, {
      status: failed && !asked && !again ? 'failed' : status,
      ...(failed ? { lastError: textOf(end.error) } : {}),
    }),
    toStop: context.toStop.filter((other) => other !== id),
  };
  if (again && context.goal === 'run') return planRestart(noted, id, end.error);
  const toStart = asked ? noted.toStart : noted.toStart.filter((other) => other !== id);
  return { ...noted, toStart };
}

function planRestart(context: SupervisorContext, id: string, error: unknown): SupervisorContext {
  const recentRestarts = context.recentRestarts + 1;
  const counted = { ...context, recentRestarts };
  if (error instanceof FatalError) return planEnd(counted, 'fail', error);
  if (recentRestarts > context.intensity) {
    return planEnd(counted, 'fail', givenUp(counted, id, error));
  }
  const restarts = (context.view.find((child) => child.id === id)?.restarts ?? 0) + 1;
  const noted = withChild(counted, id, { restarts });
  const affected = affectedBy(context, id);
  const stopped = new Set([...context.toStop, ...affected]);
  const started = new Set([...context.toStart, ...affected.filter((a) => comesBack(noted, a))]);
  return {
    ...noted,
    paused: context.backoffMs[1] > 0,
    toStop: stopOrder(noted, stopped),
    toStart: context.children.map((child) => child.id).filter((child) => started.has(child)),
  };
}

/** A supervisor that may not restart at all has nothing to add to the failure of its child. */
function givenUp(context: SupervisorContext, id: string, error: unknown): Error {
  if (context.intensity === 0 && error instanceof Error) return error;
  const reason = `${id} ended ${context.recentRestarts} times in ${context.periodMs} ms`;
  if (error === undefined) return new Error(`supervisor gave up: ${reason}`);
  return new Error(`supervisor gave up: ${reason}: ${textOf(error)}`, { cause: error });
}

function affectedBy(context: SupervisorContext, id: string): readonly string[] {
  const ids = context.children.map((child) => child.id);
  switch (context.strategy) {
    case 'one-for-one':
      return [id];
    case 'one-for-all':
      return ids;
    case 'rest-for-one':
      return ids.slice(ids.indexOf(id));
    default:
      throw new Error(`unknown strategy ${String(context.strategy satisfies never)}`);
  }
}

/** A temporary child that was stopped for another's sake does not come back, nor one that is done. */
function comesBack(context: SupervisorContext, id: string): boolean {
  const status = statusOf(context, id);
  if (status === 'waiting') return true;
  return isLive(context, id) && specOf(context, id)?.restart !== 'temporary';
}

/** The pause before the restarts that are planned. */
export function backoffMs(context: SupervisorContext): number {
  const [first, most] = context.backoffMs;
  return Math.min(most, first * 2 ** Math.max(0, context.recentRestarts - 1));
}
