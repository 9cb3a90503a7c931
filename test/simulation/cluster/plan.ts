/**
 * What a run will be, drawn from its seed before it begins: size, callers, and the faults with
 * their times. A plan is data, so that a failing one can be cut down to what matters.
 */

import { createSeededRandom } from '../../../src/world/simulated/random.ts';
import { FAULT_KINDS, type FaultKind } from './faults.ts';

export interface PlannedFault {
  /** Stays the same when other faults are left out: it decides the fault's own choices. */
  readonly number: number;
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly lastsMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly servers: number;
  readonly callers: number;
  readonly keys: number;
  /** A sync takes up to this while the disk is well; so does a message. */
  readonly syncMsMax: number;
  readonly latencyMsMax: number;
  readonly stormMs: number;
  /** In order of time. */
  readonly faults: readonly PlannedFault[];
}

const STORM_MS = 8_000;
/** Kinds of faults in one run: few kinds often find more than all kinds seldom (swarm testing). */
const KINDS_MIN = 2;
const KINDS_MAX = 8;

export interface PlanOptions {
  /** Instead of a size by chance. */
  readonly servers?: number;
}

export function planOf(seed: number, options: PlanOptions = {}): Plan {
  const random = createSeededRandom(`plan ${seed}`);
  const below = (count: number): number => Math.floor(random.float() * count);
  const pick = (of: readonly number[]): number => of[below(of.length)] as number;
  const servers = ([3, 3, 3, 5, 5, 7] as const)[below(6)] ?? 3;
  const kinds = [...FAULT_KINDS]
    .map((kind) => ({ kind, at: random.float() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, KINDS_MIN + below(KINDS_MAX - KINDS_MIN + 1))
    .map(({ kind }) => kind);
  const meanMs = random.between(150, 1_500);
  const longestMs = random.between(200, 6_000);
  const faults: PlannedFault[] = [];
  for (let atMs = 0; atMs < STORM_MS; atMs += -Math.log(1 - random.float()) * meanMs) {
    const kind = kinds[below(kinds.length)] as FaultKind;
    faults.push({ number: faults.length, kind, atMs, lastsMs: random.between(20, longestMs) });
  }
  return {
    seed,
    servers: options.servers ?? servers,
    callers: 2 + below(5),
    keys: 1 + below(4),
    syncMsMax: pick([1, 1, 5, 30]),
    latencyMsMax: pick([0.5, 0.5, 3, 20]),
    stormMs: STORM_MS,
    faults,
  };
}
