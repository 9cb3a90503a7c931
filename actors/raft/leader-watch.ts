/**
 * Notices that the process of the leader has ended, long before its heartbeats are missed: its
 * connections break, and nobody listens at its address any more. Neither alone proves it: connections
 * break for many reasons, and of a host that is cut off nothing is heard at all.
 */

import type { RaftLeader } from '../../src/consensus/consensus.ts';
import { codeOf } from '../../src/world/errors.ts';
import { pause } from '../../src/world/pause.ts';
import type { ByteStream, Clock } from '../../src/world/world.ts';
import type { RaftDial } from './peer.ts';

/**
 * For so long it is looked whether anybody still listens. The system closes the sockets of a process
 * one by one: who sees its connection break may yet be let in by a listener that is about to go.
 */
const LOOK_MS = 300;
/** Between a connection that broke at once and the next. */
const AGAIN_MS = 10;

export interface LeaderWatchDeps {
  readonly clock: Clock;
  readonly dial: RaftDial;
  leader(): RaftLeader | undefined;
  gone(address: string): void;
}

export class LeaderWatch {
  readonly #deps: LeaderWatchDeps;
  #looking = false;

  constructor(deps: LeaderWatchDeps) {
    this.#deps = deps;
  }

  /** A connection has ended on which the server at `address` spoke as leader. */
  async connectionEnded(address: string): Promise<void> {
    const leader = this.#deps.leader();
    if (leader === undefined || leader.address !== address || this.#looking) return;
    this.#looking = true;
    const gone = await this.#isGone(leader);
    this.#looking = false;
    if (gone) this.#deps.gone(address);
  }

  async #isGone(leader: RaftLeader): Promise<boolean> {
    const { clock, dial } = this.#deps;
    const untilMs = clock.monotonic() + LOOK_MS;
    while (clock.monotonic() < untilMs) {
      try {
        await this.#holds(await dial(leader), untilMs);
      } catch (error) {
        if (codeOf(error) === 'ECONNREFUSED') return true;
      }
      await pause(clock, AGAIN_MS);
    }
    return false;
  }

  /** Resolves when the stream is gone, which it is in the end. */
  #holds(stream: ByteStream, untilMs: number): Promise<void> {
    const { clock } = this.#deps;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => stream.destroy(), untilMs - clock.monotonic());
      stream.listen({
        data: () => {},
        end: () => stream.destroy(),
        closed: () => {
          clock.clearTimeout(timer);
          resolve();
        },
      });
    });
  }
}
