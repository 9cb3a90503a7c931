/**
 * Blocking queries: a read that is answered when its index has passed the one the client knows.
 * (Consul's long polling: default 5 min, at most 10 min, up to 1/16 more at random.)
 */

import type { Clock, Random } from '../world/world.ts';
import type { StoreSource } from './store.ts';
import { type StoreReader, WatchingReader } from './view.ts';
import { WatchSet } from './watch.ts';

/** How long a query blocks when the client does not say. */
export const QUERY_TIME_DEFAULT_MS = 300_000;
/** How long a query blocks at most; longer wishes are cut. */
export const QUERY_TIME_MAX_MS = 600_000;
/** The random part added to a query's time is this fraction of it. */
export const QUERY_JITTER_FRACTION = 16;

/** What was read, and the index to wait behind for the next change of it. */
export interface Indexed<T> {
  readonly index: number;
  readonly result: T;
}

/** A read: pure, synchronous, over whatever version it is given. */
export type StoreQuery<T> = (reader: StoreReader) => Indexed<T>;

export interface BlockingOptions {
  /** 0 answers at once. */
  readonly minQueryIndex: number;
  /** Milliseconds; 0 or less means the default. */
  readonly maxQueryTimeMs: number;
  /** Ends the wait: the promise is rejected with the signal's reason. */
  readonly signal: AbortSignal;
}

export interface BlockingDeps {
  readonly store: StoreSource;
  readonly clock: Clock;
  readonly random: Random;
}

/** Runs a query without waiting. An index of 0 is reported as 1, so that a client can wait on it. */
export function query<T>(reader: StoreReader, read: StoreQuery<T>): Indexed<T> {
  const { index, result } = read(reader);
  return { index: Math.max(index, 1), result };
}

/**
 * Runs a query and, while its index is not above the one given, waits for what it read to change.
 * Ends with the current result when time is over or the store was replaced. Rejects when aborted,
 * when too many queries wait (`RangeError`), and with whatever `read` throws.
 */
export async function blockingQuery<T>(
  deps: BlockingDeps,
  options: BlockingOptions,
  read: StoreQuery<T>,
): Promise<Indexed<T>> {
  const { store } = deps;
  options.signal.throwIfAborted();
  if (options.minQueryIndex <= 0) return query(store.view(), read);
  const deadline = new Deadline(deps, options);
  try {
    for (;;) {
      const watches = new WatchSet();
      const current = query(new WatchingReader(store.view(), watches), read);
      if (current.index > options.minQueryIndex || deadline.passed) return current;
      const reason = await deadline.wait((wake) => store.watch(watches, wake));
      if (reason !== 'changed') return query(store.view(), read);
    }
  } finally {
    deadline.clear();
  }
}

type WaitEnd = 'changed' | 'restored' | 'time is over';

/** The end of a query's patience: time or abort, whichever comes first. */
class Deadline {
  passed = false;
  #interrupt: ((end: WaitEnd | Error) => void) | null = null;
  #aborted: Error | null = null;
  readonly #clear: () => void;

  constructor(deps: BlockingDeps, options: BlockingOptions) {
    const timer = deps.clock.setTimeout(
      () => {
        this.passed = true;
        this.#interrupt?.('time is over');
      },
      queryTimeMs(options.maxQueryTimeMs, deps.random),
    );
    const abort = (): void => {
      this.#aborted = abortError(options.signal);
      this.#interrupt?.(this.#aborted);
    };
    options.signal.addEventListener('abort', abort, { once: true });
    this.#clear = () => {
      deps.clock.clearTimeout(timer);
      options.signal.removeEventListener('abort', abort);
    };
  }

  clear(): void {
    this.#clear();
  }

  async wait(watch: (wake: (reason: WaitEnd) => void) => () => void): Promise<WaitEnd> {
    if (this.#aborted !== null) throw this.#aborted;
    let unwatch = (): void => {};
    try {
      return await new Promise<WaitEnd>((resolve, reject) => {
        this.#interrupt = (end) => (end instanceof Error ? reject(end) : resolve(end));
        unwatch = watch(resolve);
      });
    } finally {
      this.#interrupt = null;
      unwatch();
    }
  }
}

function queryTimeMs(wishedMs: number, random: Random): number {
  const timeMs = wishedMs <= 0 ? QUERY_TIME_DEFAULT_MS : Math.min(wishedMs, QUERY_TIME_MAX_MS);
  return timeMs + random.float() * (timeMs / QUERY_JITTER_FRACTION);
}

function abortError(signal: AbortSignal): Error {
  const { reason } = signal;
  return reason instanceof Error ? reason : new Error('blocking query aborted', { cause: reason });
}
