/** Waiting inside of this process for something that a request asks to be different. */

import type { HttpContext } from './context.ts';
import type { HttpRequest } from './message.ts';

/**
 * Waits with a signal that is aborted as soon as the client is gone or the door is about to close.
 */
export async function whileOpen<T>(
  { signal, closing }: Pick<HttpRequest, 'signal' | 'closing'>,
  wait: (over: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const watched = [signal, closing];
  const end = (): void => over.abort(watched.find((one) => one.aborted)?.reason);
  for (const one of watched) one.addEventListener('abort', end, { once: true });
  if (signal.aborted || closing.aborted) end();
  try {
    return await wait(over.signal);
  } finally {
    for (const one of watched) one.removeEventListener('abort', end);
  }
}

/**
 * Resolves when `isOther` holds, time is over, the client is gone or the door closes. `listen` calls
 * back once with the next change and returns the way to give up.
 */
export function waitUntil(
  http: HttpRequest,
  { clock }: Pick<HttpContext, 'clock'>,
  timeoutMs: number,
  listen: (changed: () => void) => () => void,
  isOther: () => boolean,
): Promise<void> {
  return whileOpen(
    http,
    (over) =>
      new Promise((resolve) => {
        let stopListening = (): void => {};
        const end = (): void => {
          clock.clearTimeout(timer);
          stopListening();
          resolve();
        };
        const timer = clock.setTimeout(end, timeoutMs);
        over.addEventListener('abort', end, { once: true });
        const look = (): void => {
          if (isOther() || over.aborted) end();
          else stopListening = listen(look);
        };
        look();
      }),
  );
}
