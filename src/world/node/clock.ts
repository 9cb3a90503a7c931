/** The machine's clock. */

import { performance } from 'node:perf_hooks';
import type { Clock } from '../world.ts';

/** Node fires longer timers at once: longer waits are cut into pieces of this length. */
const TIMER_MAX_MS = 2 ** 31 - 1;

interface Armed {
  timer: NodeJS.Timeout;
}

/** A timer of no time at all: Node's would wait for a millisecond and wake the process once more. */
interface Immediate {
  readonly immediate: NodeJS.Immediate;
}

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, timeoutMs): Armed | Immediate =>
    timeoutMs > 0 ? arm({} as Armed, fn, timeoutMs) : { immediate: setImmediate(fn) },
  clearTimeout: (id) => {
    if (typeof id !== 'object') return;
    if ('timer' in id) clearTimeout((id as Armed).timer);
    else if ('immediate' in id) clearImmediate((id as Immediate).immediate);
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
