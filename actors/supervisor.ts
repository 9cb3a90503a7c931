/**
 * Binds the supervisor machine: failures are logged here, where they are contained, and an
 * escalation is thrown so that the parent sees this supervisor fail.
 */

import { type AnyActorLogic, type AnyActorRef, createActor, type InspectionEvent } from 'xstate';
import { supervisorMachine } from '../machines/supervisor.ts';
import type { Log } from '../src/log.ts';
import type { Clock } from '../src/world/world.ts';
import type { Bus } from './bus.ts';

export interface SupervisorDeps {
  readonly log: Log;
}

/** Logic of a supervisor; its input is a `SupervisorInput`. */
export function createSupervisorActor({ log }: SupervisorDeps): typeof supervisorMachine {
  return supervisorMachine.provide({
    actions: {
      reportEnd: (_, params) => {
        if ('error' in params) log.error('child failed', { child: params.id, error: params.error });
        else log.debug('child finished', { child: params.id });
      },
      stopOrphans: ({ self }, { id }) => {
        const failed: AnyActorRef | undefined = self.getSnapshot().children[id];
        for (const orphan of orphansOf(failed)) orphan.send(STOP);
      },
      reportKill: (_, { id }) => log.warn('child did not finish in time', { child: id }),
      escalate: (_, { failure }) => {
        throw failure;
      },
    },
  });
}

/** What an actor is stopped with by its parent; nobody but the parent may call `stop`. */
const STOP = { type: 'xstate.stop' } as const;

/** Children that still run below an actor that has failed. */
function orphansOf(failed: AnyActorRef | undefined): readonly AnyActorRef[] {
  const children = failed?.getSnapshot()?.children as
    | Readonly<Record<string, AnyActorRef | undefined>>
    | undefined;
  return Object.values(children ?? {}).filter((child) => child !== undefined);
}

export interface RootOptions {
  /** Logic of the root, usually a supervisor. Ends when it is sent `shutdown`. */
  readonly logic: AnyActorLogic;
  readonly input?: unknown;
  /** `systemId` of the root. */
  readonly name: string;
  readonly clock: Clock;
  readonly bus: Bus;
  /** Sees everything that happens in the actor system. */
  readonly inspect?: (event: InspectionEvent) => void;
}

export interface Root {
  readonly actor: AnyActorRef;
  /** Resolves when the root has finished; rejects with the failure that it could not contain. */
  readonly ended: Promise<void>;
  /** Asks the root to finish, and waits for it. Safe to call again. */
  shutdown(): Promise<void>;
}

/** Starts an actor system on the world's clock and attaches it to its bus. */
export function startRoot(options: RootOptions): Root {
  const actor = createActor(options.logic, {
    id: options.name,
    systemId: options.name,
    clock: options.clock,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.inspect ? { inspect: options.inspect } : {}),
  });
  options.bus.attach(actor.system);
  const ended = new Promise<void>((resolve, reject) => {
    // An error observer must be there: without one xstate throws on a timer and ends the process.
    actor.subscribe({ complete: resolve, error: reject });
  });
  // A rejection that nobody waits for yet is not an unhandled one.
  ended.catch(() => {});
  actor.start();
  return {
    actor,
    ended,
    shutdown: () => {
      if (actor.getSnapshot().status === 'active') actor.send({ type: 'shutdown' });
      return ended;
    },
  };
}
