/** Waiting inside of this process for something that a request asks to be different. */

import type { HttpContext } from './context.ts';
import type { HttpRequest } from './message.ts';

/**
 * Resolves when `isOther` holds, time is over or the client is gone. `listen` calls back once with
 * the next change and returns the way to give up.
 */
export function waitUntil(
  http: HttpRequest,
  { clock }: Pick<HttpContext, 'clock'>,
  timeoutMs: number,
  listen: (changed: () => void) => () => void,
  isOther: () => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    let stopListening = (): void => {};
    const end = (): void => {
      clock.clearTimeout(timer);
      http.signal.removeEventListener('abort', end);
      stopListening();
      resolve();
    };
    const timer = clock.setTimeout(end, timeoutMs);
    http.signal.addEventListener('abort', end, { once: true });
    const look = (): void => {
      if (isOther()) end();
      else stopListening = listen(look);
    };
    look();
  });
}
