/**
 * The order in which the addresses of a route are tried: healthy before unhealthy, those that just
 * failed to connect last within each, turn by turn among equals.
 */

import type { Address } from './instances.ts';
import { addressText, type Route } from './routes.ts';

/** Pause after a first failure, doubled with each more, up to the limit. */
const PENALTY_FIRST_MS = 1_000;
const PENALTY_MAX_MS = 30_000;

/** Addresses whose failures are remembered; beyond, the one noted first is forgotten. */
const REMEMBERED_MAX = 1_024;

interface Penalty {
  readonly until: number;
  readonly failures: number;
}

export class Candidates {
  readonly #penalties = new Map<string, Penalty>();
  #turn = 0;

  /** Addresses to try, best first. `nowMs` is monotonic. */
  order(route: Route, nowMs: number): readonly Address[] {
    this.#turn = (this.#turn + 1) % 0x40000000;
    return [route.healthy, route.unhealthy].flatMap((addresses) => {
      const turned = rotated(addresses, this.#turn);
      const waiting = (address: Address): boolean =>
        (this.#penalties.get(addressText(address))?.until ?? 0) > nowMs;
      if (!turned.some(waiting)) return turned;
      return [...turned.filter((a) => !waiting(a)), ...turned.filter(waiting)];
    });
  }

  failed(address: Address, nowMs: number): void {
    const key = addressText(address);
    const failures = (this.#penalties.get(key)?.failures ?? 0) + 1;
    const pause = Math.min(PENALTY_FIRST_MS * 2 ** Math.min(failures - 1, 10), PENALTY_MAX_MS);
    this.#penalties.delete(key);
    this.#penalties.set(key, { failures, until: nowMs + pause });
    const first = this.#penalties.keys().next().value;
    if (this.#penalties.size > REMEMBERED_MAX && first !== undefined) {
      this.#penalties.delete(first);
    }
  }

  succeeded(address: Address): void {
    if (this.#penalties.size > 0) this.#penalties.delete(addressText(address));
  }
}

function rotated<T>(items: readonly T[], turn: number): readonly T[] {
  if (items.length < 2) return items;
  const start = turn % items.length;
  return start === 0 ? items : [...items.slice(start), ...items.slice(0, start)];
}
