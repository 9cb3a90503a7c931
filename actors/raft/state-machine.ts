/** The state machine (actor `fsm`) as raft uses it. */

import type { CommittedEntry, StateSnapshot } from '../../machines/routes/raft.ts';
import type { Post } from '../../machines/routes.ts';
import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import type { LogEntry } from '../../src/wire/raft/log-entry.ts';
import { pause } from '../../src/world/pause.ts';
import type { Clock } from '../../src/world/world.ts';

/** A snapshot of any size may take this long to be frozen or restored. */
const STATE_TIMEOUT_MS = 600_000;

const NO_BYTES = new Uint8Array(0);

export class StateMachine {
  readonly #post: Post<'raft'>;
  readonly #clock: Clock;

  constructor(post: Post<'raft'>, clock: Clock) {
    this.#post = post;
    this.#clock = clock;
  }

  /** Hands over committed commands; `entries.applied` tells when they are applied. */
  apply(entries: readonly LogEntry[], throughIndex: number): void {
    const message = {
      type: 'entries.committed',
      entries: entries.map(committed),
      throughIndex,
    } as const;
    this.#post.send('fsm', message);
  }

  /** As `apply`, with a turn of the event loop for others. */
  async applyInTurn(entries: readonly LogEntry[], throughIndex: number): Promise<void> {
    this.apply(entries, throughIndex);
    await pause(this.#clock, 0);
  }

  /** The state behind everything that was handed over before. */
  freeze(): Promise<StateSnapshot> {
    return this.#post.ask('fsm', { type: 'state.freeze' }, { timeoutMs: STATE_TIMEOUT_MS });
  }

  /** Takes the state of a snapshot. */
  async restore(snapshot: StoredSnapshot): Promise<void> {
    const question = {
      type: 'state.restore',
      index: snapshot.index,
      chunks: snapshot.chunks(),
    } as const;
    await this.#post.ask('fsm', question, { timeoutMs: STATE_TIMEOUT_MS });
  }
}

function committed(entry: LogEntry): CommittedEntry {
  const at = entry.AppendedAt;
  return {
    index: entry.Index,
    term: entry.Term,
    data: entry.Data ?? NO_BYTES,
    extensions: entry.Extensions,
    appendedAtMs: at === undefined ? undefined : at.unixSeconds * 1000 + at.nanoseconds / 1e6,
  };
}
