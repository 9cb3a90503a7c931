/**
 * Follows one resource of the agent's API by blocking queries: hands out its content at once and
 * after every change, through outages, until stopped.
 */

import type { Log } from '../log.ts';
import type { Clock } from '../world/world.ts';
import type { HttpClient } from './client.ts';

/** Time a query may block, as Consul's clients ask for. */
const WAIT_S = 300;
/** A server adds up to a sixteenth to the wait; then the network gets some time. */
const SILENCE_MAX_MS = (WAIT_S + WAIT_S / 16 + 10) * 1000;
/**
 * Pause after a first failure, doubled with each more, up to the limit: the agent is on this host or
 * next to it, and what it knows is waited for as soon as it starts.
 */
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 1_000;
/** Pause between queries that answer without blocking, against a spinning server. */
const PAUSE_MS = 50;
/** Pause when the answer has no index to block on. */
const POLL_MS = 2_000;

export interface WatchOptions {
  readonly client: Pick<HttpClient, 'expectOk'>;
  readonly clock: Clock;
  readonly log: Log;
  /** With query parameters or without; `index` and `wait` are added. */
  readonly path: string;
  /** Takes the parsed JSON. Throwing counts as a failure to read. */
  changed(body: unknown): void;
}

/** Starts watching; the returned function ends it. */
export function watchResource(options: WatchOptions): () => void {
  const stopping = new AbortController();
  void follow(options, stopping.signal);
  return () => stopping.abort();
}

async function follow(options: WatchOptions, signal: AbortSignal): Promise<void> {
  let index = 0;
  let failures = 0;
  let latest: string | undefined;
  while (!signal.aborted) {
    try {
      const answer = await options.client.expectOk({
        method: 'GET',
        path: `${options.path}${options.path.includes('?') ? '&' : '?'}index=${index}&wait=${WAIT_S}s`,
        signal,
        timeoutMs: SILENCE_MAX_MS,
      });
      const text = answer.body.toString('utf8');
      if (text !== latest) options.changed(JSON.parse(text) as unknown);
      latest = text;
      if (failures > 0) options.log.info('reads the agent again', { path: options.path, failures });
      failures = 0;
      const next = Number(answer.headers['x-consul-index'] ?? 0);
      // An index that went back is a server that was restored: everything is asked for anew.
      index = next >= index && Number.isSafeInteger(next) ? next : 0;
      await pause(options.clock, index === 0 ? POLL_MS : PAUSE_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      index = 0;
      if (failures === 1) options.log.warn('cannot read the agent', { path: options.path, error });
      const wait = RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10);
      await pause(options.clock, Math.min(wait, RETRY_MAX_MS), signal);
    }
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      clock.clearTimeout(timer);
      resolve();
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
