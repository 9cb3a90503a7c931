/** Binds session timers to the clock, the store and the log of commands. */

import { sessionTtlMachine, TTL_FACTOR } from '../../machines/server/session-ttl.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { parseGoDuration } from '../../src/go-duration.ts';
import type { Log } from '../../src/log.ts';
import type { Session } from '../../src/model/session.ts';
import type { Clock, TimerId } from '../../src/world/world.ts';

/** Pause before a session that could not be destroyed is tried again. */
const RETRY_MS = 5_000;
const NANOSECONDS_PER_MS = 1e6;

export interface SessionTtlDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly consensus: Pick<Consensus, 'barrier'>;
  readonly sessions: () => readonly Session[];
  readonly destroy: (id: string) => Promise<void>;
}

export function createSessionTtlActor(deps: SessionTtlDeps) {
  const timers = new Map<string, TimerId>();
  const disarm = (id: string): void => {
    const timer = timers.get(id);
    if (timer === undefined) return;
    deps.clock.clearTimeout(timer);
    timers.delete(id);
  };
  return sessionTtlMachine.provide({
    actions: {
      startAll: ({ self }) => {
        deps.consensus.barrier().then(
          () => {
            for (const session of deps.sessions()) {
              const ttlMs = ttlOf(session);
              if (ttlMs > 0) self.send({ type: 'session.renewed', id: session.ID, ttlMs });
            }
          },
          (error) => deps.log.warn('session timers not started', { error }),
        );
      },
      stopAll: () => {
        for (const id of [...timers.keys()]) disarm(id);
      },
      arm: ({ self }, { id, ms }) => {
        disarm(id);
        timers.set(
          id,
          deps.clock.setTimeout(() => {
            timers.delete(id);
            self.send({ type: 'timer.fired', id });
          }, ms),
        );
      },
      disarm: (_, { id }) => disarm(id),
      destroy: ({ self }, { id }) => {
        deps.log.debug('session TTL expired', { session: id });
        deps.destroy(id).catch((error) => {
          deps.log.error('session could not be ended', { session: id, error });
          self.send({ type: 'session.renewed', id, ttlMs: RETRY_MS / TTL_FACTOR });
        });
      },
    },
  });
}

function ttlOf(session: Session): number {
  if (session.TTL === '') return 0;
  const nanoseconds = parseGoDuration(session.TTL);
  return typeof nanoseconds === 'number' ? nanoseconds / NANOSECONDS_PER_MS : 0;
}
