/**
 * Timers of sessions with a time to live. Only the leader keeps them; a new leader starts them all
 * anew, so that no session ends early because leadership has moved.
 */

import { parseGoDurationMs } from '../go-duration.ts';
import type { Session } from '../model/session.ts';
import type { Clock, TimerId } from '../world/world.ts';

/** A session ends this many times its TTL after the last renewal (Consul). */
export const TTL_MULTIPLIER = 2;
/** Timers at a time; sessions beyond do not expire until there is room. */
export const SESSION_TIMERS_MAX = 1_000_000;
/** Attempts to write the end of a session. */
export const EXPIRY_ATTEMPTS_MAX = 6;
/** Wait before the second attempt; doubles with each one. */
export const EXPIRY_RETRY_MS = 10_000;

export interface SessionTimerDeps {
  readonly clock: Clock;
  /** Writes the end of a session. A rejection is tried again; the last one is `failed`. */
  readonly destroy: (id: string) => Promise<void>;
  readonly failed: (id: string, error: unknown) => void;
}

export class SessionTimers {
  readonly #deps: SessionTimerDeps;
  readonly #timers = new Map<string, TimerId>();
  /** Ends that are being written; each resolves whatever becomes of it. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(deps: SessionTimerDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** Starts the timers of all sessions that have a TTL: leadership was gained. */
  startAll(sessions: readonly Session[]): void {
    this.stopAll();
    for (const session of sessions) {
      const time = session.TTL === '' ? null : parseGoDurationMs(session.TTL);
      if (time !== null) this.reset(session.ID, time);
    }
  }

  /** Leadership was lost. */
  stopAll(): void {
    for (const timer of this.#timers.values()) this.#deps.clock.clearTimeout(timer);
    this.#timers.clear();
  }

  /** Starts or restarts a session's timer. */
  reset(id: string, ttlMilliseconds: number): void {
    this.#arm(id, ttlMilliseconds * TTL_MULTIPLIER, 1);
  }

  /**
   * Resolves when no end of the session is being written. Who renews it before that is told that it
   * lives, and it ends all the same.
   */
  async settled(id: string): Promise<void> {
    await this.#endings.get(id);
  }

  /** The session has ended some other way. */
  clear(id: string): void {
    const timer = this.#timers.get(id);
    if (timer !== undefined) this.#deps.clock.clearTimeout(timer);
    this.#timers.delete(id);
  }

  #arm(id: string, waitMs: number, attempt: number): void {
    this.clear(id);
    if (this.#timers.size >= SESSION_TIMERS_MAX) return;
    const timer = this.#deps.clock.setTimeout(() => this.#expire(id, timer, attempt), waitMs);
    this.#timers.set(id, timer);
  }

  #expire(id: string, timer: TimerId, attempt: number): void {
    const ending = this.#deps.destroy(id).then(
      () => {
        if (this.#timers.get(id) === timer) this.#timers.delete(id);
      },
      (error: unknown) => {
        // Renewed, cleared or no longer leader meanwhile: not ours any more.
        if (this.#timers.get(id) !== timer) return;
        if (attempt < EXPIRY_ATTEMPTS_MAX) {
          this.#arm(id, EXPIRY_RETRY_MS * 2 ** (attempt - 1), attempt + 1);
          return;
        }
        this.#timers.delete(id);
        this.#deps.failed(id, error);
      },
    );
    this.#endings.set(id, ending);
    void ending.then(() => {
      if (this.#endings.get(id) === ending) this.#endings.delete(id);
    });
  }
}
