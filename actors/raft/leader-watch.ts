/**
 * Notices that the process of the leader has ended, long before its heartbeats are missed: its
 * connections break, and nobody listens at its address any more. Neither alone proves it: connections
 * break for many reasons, and of a host that is cut off nothing is heard at all.
 */

import type { RaftLeader } from '../../src/consensus/consensus.ts';
import { codeOf } from '../../src/world/errors.ts';
import type { RaftDial } from './peer.ts';

export interface LeaderWatchDeps {
  readonly dial: RaftDial;
  leader(): RaftLeader | undefined;
  gone(address: string): void;
}

export class LeaderWatch {
  readonly #deps: LeaderWatchDeps;
  #knocking = false;

  constructor(deps: LeaderWatchDeps) {
    this.#deps = deps;
  }

  /** A connection has ended on which the server at `address` spoke as leader. */
  connectionEnded(address: string): void {
    const { dial, gone, leader } = this.#deps;
    const known = leader();
    if (known === undefined || known.address !== address || this.#knocking) return;
    this.#knocking = true;
    dial(known).then(
      (stream) => {
        this.#knocking = false;
        stream.destroy();
      },
      (error: unknown) => {
        this.#knocking = false;
        if (codeOf(error) === 'ECONNREFUSED') gone(address);
      },
    );
  }
}
