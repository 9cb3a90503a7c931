/**
 * What callers believe a lock to be: a key that one living session holds at a time. Sessions are
 * made outside of the history; their id names them once they are known to live.
 */

import type { Operation, SequentialModel } from './linearizable.ts';

export type LockCall = {
  /** `destroy` ends the session, and with it its hold. A session that has ended cannot `renew`. */
  readonly kind: 'acquire' | 'release' | 'renew' | 'destroy';
  readonly session: string;
};

/** Whether it was done; a session is always ended. */
export type LockAnswer = { readonly done: boolean };

export type LockOperation = Operation<LockCall, LockAnswer>;

interface LockState {
  readonly holder: string | undefined;
  readonly ended: readonly string[];
}

export const LOCK: SequentialModel<LockState, LockCall, LockAnswer> = {
  initial: { holder: undefined, ended: [] },
  step: (state, { kind, session }, answer) => {
    const { done, next } = stepped(state, kind, session);
    return answer === undefined || answer.done === done ? next : undefined;
  },
  fingerprint: ({ holder, ended }) => `${holder ?? '-'} ${ended.join()}`,
};

function stepped(
  state: LockState,
  kind: LockCall['kind'],
  session: string,
): { readonly done: boolean; readonly next: LockState } {
  const { holder, ended } = state;
  switch (kind) {
    case 'acquire': {
      const free = holder === undefined || holder === session;
      const done = free && !ended.includes(session);
      return { done, next: done ? { holder: session, ended } : state };
    }
    case 'release': {
      const done = holder === session;
      return { done, next: done ? { holder: undefined, ended } : state };
    }
    case 'renew':
      return { done: !ended.includes(session), next: state };
    case 'destroy': {
      const all = ended.includes(session) ? ended : [...ended, session].sort();
      return { done: true, next: { holder: holder === session ? undefined : holder, ended: all } };
    }
    default:
      return kind satisfies never;
  }
}
