/** The machine's clock. */

import { performance } from 'node:perf_hooks';
import type { Clock } from '../world.ts';

/** Node fires longer timers at once: longer waits are cut into pieces of this length. */
const TIMER_MAX_MS = 2 ** 31 - 1;

interface Armed {
  timer: NodeJS.Timeout;
}

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, timeoutMs) => arm({} as Armed, fn, Math.max(0, timeoutMs)),
  clearTimeout: (id) => {
    if (typeof id === 'object' && 'timer' in id) clearTimeout((id as Armed).timer);
  },
};

function arm(armed: Armed, fn: () => void, leftMs: number): Armed {
  const pieceMs = Math.min(leftMs, TIMER_MAX_MS);
  armed.timer = setTimeout(() => {
    if (leftMs > pieceMs) arm(armed, fn, leftMs - pieceMs);
    else fn();
  }, pieceMs);
  return armed;
}
