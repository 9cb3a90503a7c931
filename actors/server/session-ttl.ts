/** Binds session timers to leadership and the store. */

import { sessionTtlMachine } from '../../machines/server/session-ttl.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import type { Log } from '../../src/log.ts';
import type { Session } from '../../src/model/session.ts';
import type { SessionTimers } from '../../src/store/session-timers.ts';

export interface SessionTtlDeps {
  readonly log: Log;
  readonly consensus: Pick<Consensus, 'barrier'>;
  readonly timers: Pick<SessionTimers, 'startAll' | 'stopAll'>;
  readonly sessions: () => readonly Session[];
}

export function createSessionTtlActor(deps: SessionTtlDeps) {
  return sessionTtlMachine.provide({
    actions: {
      awaitStore: ({ self }, { term }) => {
        deps.consensus.barrier().then(
          () => self.send({ type: 'store.current', term }),
          (error) => self.send({ type: 'store.unreachable', term, error }),
        );
      },
      startTimers: () => deps.timers.startAll(deps.sessions()),
      stopTimers: () => deps.timers.stopAll(),
      announceFailure: (_, { error }) =>
        deps.log.warn('session timers not started, will retry while leading', { error }),
    },
  });
}
