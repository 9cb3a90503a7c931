/**
 * Calls that were passed on to the leader and are not answered yet. A leader that is stopped, or
 * whose host is gone, answers nothing and breaks no connection: whoever waits for it is freed when
 * another one leads. (Consul waits until yamux misses its keepalive, about 40 s.)
 */

import { CONSENSUS_TEXTS } from '../consensus/consensus.ts';
import type { Clock } from '../world/world.ts';
import type { CallControl } from './client/pool.ts';
import { MAKING_CALL, NO_LEADER } from './errors.ts';
import { RpcError } from './method.ts';

/**
 * A leader that hands over, or has lost its lease, knows within this time what became of the writes
 * it has taken, and says so.
 */
const LAST_ANSWERS_MS = 1_000;

interface LeaderCall {
  /** Node name of the leader that was asked. */
  readonly leader: string;
  readonly access: 'read' | 'write';
  readonly control: CallControl;
  readonly reject: (error: Error) => void;
}

export class LeaderCalls {
  readonly #clock: Clock;
  readonly #pending = new Set<LeaderCall>();
  #leader = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Asks `leader`. When another one leads before it has answered, a read, and whatever was not sent
   * yet, fails with `No cluster leader`: it may be tried again. A write that was sent fails a little
   * later with an error that leaves open what became of it.
   */
  ask<Reply>(
    leader: string,
    access: 'read' | 'write',
    call: (control: CallControl) => Promise<Reply>,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const control: CallControl = { abandon: undefined, cancelled: false };
      const pending = { leader, access, control, reject };
      this.#pending.add(pending);
      call(control).then(
        (reply) => {
          this.#pending.delete(pending);
          resolve(reply);
        },
        (error: unknown) => {
          this.#pending.delete(pending);
          reject(error);
        },
      );
    });
  }

  /** The node `leader` leads from now on. */
  ledBy(leader: string): void {
    this.#leader = leader;
    const writes: LeaderCall[] = [];
    for (const call of this.#pending) {
      if (call.leader === leader) continue;
      if (call.access === 'read' || call.control.abandon === undefined) {
        this.#free(call, new RpcError(NO_LEADER));
      } else writes.push(call);
    }
    if (writes.length > 0) this.#clock.setTimeout(() => this.#freeWrites(writes), LAST_ANSWERS_MS);
  }

  #freeWrites(writes: readonly LeaderCall[]): void {
    for (const call of writes) {
      if (!this.#pending.has(call) || call.leader === this.#leader) continue;
      const why = `${this.#leader} leads now, and ${call.leader} has not answered`;
      const text = `${CONSENSUS_TEXTS['leadership-lost']}: ${why}: the write may have been done`;
      this.#free(call, new RpcError(`${MAKING_CALL}${text}`));
    }
  }

  #free(call: LeaderCall, error: RpcError): void {
    this.#pending.delete(call);
    call.reject(error);
    call.control.cancelled = true;
    call.control.abandon?.(error);
  }
}
