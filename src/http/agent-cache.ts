/**
 * The agent's cache, for reads that ask for it (`?cached`): the first asker waits for an answer, then
 * a blocking query keeps it fresh for as long as somebody asks for it now and then.
 */

import { pause } from '../world/pause.ts';
import type { Clock } from '../world/world.ts';
import type { CacheWish } from './options.ts';

/** Entries; beyond, an answer is fetched and not kept. */
export const CACHE_ENTRIES_MAX = 1024;
/** An entry that nobody has asked for this long is dropped, its refresh ended. */
export const CACHE_IDLE_MS = 10 * 60_000;
/** Pause after a failed refresh: doubled each time, up to the longest. */
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 60_000;
/** Age from which an entry without refresh is fetched again. */
const UNREFRESHED_MAX_AGE_MS = 15_000;

export interface Fetched<T> {
  readonly value: T;
  /** To wait behind; 0 when the answer has none. */
  readonly index: number;
}

/** Fetches an answer with an index above `minIndex`; 0 = at once. */
export type Fetch<T> = (minIndex: number, signal: AbortSignal) => Promise<Fetched<T>>;

export interface CacheRequest {
  /** Names the question, all that changes the answer included. */
  readonly key: string;
  readonly wish: CacheWish;
  /** Wait for an answer above this index; 0 = any. */
  readonly minIndex: number;
  /** How long to wait for it, milliseconds. */
  readonly timeoutMs: number;
  /** Whether a blocking query keeps the entry fresh. */
  readonly refresh: 'blocking' | 'none';
  readonly signal: AbortSignal;
}

export interface Cached<T> extends Fetched<T> {
  readonly hit: boolean;
  /** Whole seconds since the answer was known to be current. */
  readonly ageSeconds: number;
}

interface Entry {
  latest: Fetched<unknown>;
  fetchedAt: number;
  usedAt: number;
  /** Set while refreshes fail. */
  failingSince: number | null;
  readonly stop: AbortController;
  readonly waiters: Set<() => void>;
}

export class AgentCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #fetching = new Map<string, Promise<Entry>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rejects with what the first fetch rejects with. */
  async get<T>(request: CacheRequest, fetch: Fetch<T>): Promise<Cached<T>> {
    const known = this.#entries.get(request.key);
    if (known === undefined || this.#tooOld(known, request)) {
      const entry = await this.#fetchOnce(request, fetch);
      return this.#answer<T>(entry, 'miss');
    }
    known.usedAt = this.#clock.monotonic();
    if (request.minIndex > 0 && known.latest.index <= request.minIndex) {
      await this.#waitForChange(known, request);
    }
    return this.#answer<T>(known, 'hit');
  }

  /** Ends all refreshes and forgets everything. */
  close(): void {
    for (const entry of this.#entries.values()) entry.stop.abort(new Error('cache closed'));
    this.#entries.clear();
  }

  #tooOld(entry: Entry, { wish, refresh }: CacheRequest): boolean {
    const ageMs = this.#ageMs(entry);
    if (refresh === 'none' && ageMs > UNREFRESHED_MAX_AGE_MS) return true;
    if (wish.maxAgeMs !== null && ageMs > wish.maxAgeMs) return true;
    return wish.mustRevalidate && wish.maxAgeMs === 0;
  }

  #ageMs(entry: Entry): number {
    return this.#clock.monotonic() - (entry.failingSince ?? entry.fetchedAt);
  }

  #answer<T>(entry: Entry, kind: 'hit' | 'miss'): Cached<T> {
    const refreshed = entry.failingSince === null && !entry.stop.signal.aborted;
    return {
      ...(entry.latest as Fetched<T>),
      hit: kind === 'hit',
      ageSeconds: refreshed ? 0 : Math.trunc(this.#ageMs(entry) / 1000),
    };
  }

  #fetchOnce<T>(request: CacheRequest, fetch: Fetch<T>): Promise<Entry> {
    const under = this.#fetching.get(request.key);
    if (under !== undefined) return under;
    const started = this.#fetchFirst(request, fetch).finally(() =>
      this.#fetching.delete(request.key),
    );
    this.#fetching.set(request.key, started);
    return started;
  }

  async #fetchFirst<T>(request: CacheRequest, fetch: Fetch<T>): Promise<Entry> {
    const stop = new AbortController();
    const latest = await fetch(0, stop.signal);
    const now = this.#clock.monotonic();
    const entry: Entry = {
      latest,
      fetchedAt: now,
      usedAt: now,
      failingSince: null,
      stop,
      waiters: new Set(),
    };
    this.#entries.get(request.key)?.stop.abort(new Error('entry replaced'));
    if (this.#entries.size >= CACHE_ENTRIES_MAX && !this.#entries.has(request.key)) return entry;
    this.#entries.set(request.key, entry);
    if (request.refresh === 'blocking') void this.#keepFresh(request.key, entry, fetch);
    else stop.abort(new Error('not refreshed'));
    return entry;
  }

  async #keepFresh<T>(key: string, entry: Entry, fetch: Fetch<T>): Promise<void> {
    const { signal } = entry.stop;
    let retryMs = RETRY_MIN_MS;
    while (!signal.aborted && this.#clock.monotonic() - entry.usedAt < CACHE_IDLE_MS) {
      try {
        this.#renew(entry, await fetch(Math.max(entry.latest.index, 1), signal));
        retryMs = RETRY_MIN_MS;
      } catch {
        // The entry's age tells its readers; there is nobody to answer the error to.
        entry.failingSince ??= entry.fetchedAt;
        if (!signal.aborted) await pause(this.#clock, retryMs);
        retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
      }
    }
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #renew(entry: Entry, fetched: Fetched<unknown>): void {
    const changed = fetched.index !== entry.latest.index;
    entry.latest = fetched;
    entry.fetchedAt = this.#clock.monotonic();
    entry.failingSince = null;
    if (!changed) return;
    for (const wake of [...entry.waiters]) wake();
  }

  #waitForChange(entry: Entry, { timeoutMs, signal, minIndex }: CacheRequest): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#clock.clearTimeout(timer);
        signal.removeEventListener('abort', end);
        entry.waiters.delete(wake);
        resolve();
      };
      const wake = (): void => {
        if (entry.latest.index > minIndex) end();
      };
      const timer = this.#clock.setTimeout(end, timeoutMs);
      signal.addEventListener('abort', end, { once: true });
      entry.waiters.add(wake);
    });
  }
}
