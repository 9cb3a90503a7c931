/**
 * Network coordinates (Vivaldi with height and adjustment, as serf has them): each direct ack moves
 * our own coordinate so that distances predict round trip times. Units are seconds.
 */

import type { Coordinate } from '../../src/model/member.ts';
import { LayeredMap } from './layered-map.ts';

const DIMENSIONS = 8;
const ERROR_MAX = 1.5;
const ERROR_FACTOR = 0.25;
const FORCE_FACTOR = 0.25;
const ADJUSTMENT_WINDOW = 20;
const HEIGHT_MIN = 10e-6;
const LATENCY_WINDOW = 3;
const GRAVITY_RHO = 150;
const ZERO_THRESHOLD = 1e-6;
const RTT_SECONDS_MAX = 10;

/** Our own coordinate and what it is computed from. */
export interface Vivaldi {
  readonly coordinate: Coordinate;
  readonly adjustments: readonly number[];
  readonly adjustmentAt: number;
  /** The last round trip times of each member. */
  readonly latencies: ReadonlyMap<string, readonly number[]>;
  /** Times that a computation came to nonsense and was begun anew. */
  readonly resets: number;
}

export const ORIGIN: Coordinate = {
  Vec: new Array<number>(DIMENSIONS).fill(0),
  Error: ERROR_MAX,
  Adjustment: 0,
  Height: HEIGHT_MIN,
};

export const VIVALDI_START: Vivaldi = {
  coordinate: ORIGIN,
  adjustments: new Array<number>(ADJUSTMENT_WINDOW).fill(0),
  adjustmentAt: 0,
  latencies: new Map(),
  resets: 0,
};

export function isValidCoordinate(coordinate: Coordinate): boolean {
  const { Vec, Error: error, Adjustment, Height } = coordinate;
  return [...Vec, error, Adjustment, Height].every(Number.isFinite);
}

function rawDistance(a: Coordinate, b: Coordinate): number {
  return magnitude(difference(a.Vec, b.Vec)) + a.Height + b.Height;
}

/** Estimated round trip time in seconds, whole nanoseconds. */
export function distance(a: Coordinate, b: Coordinate): number {
  const raw = rawDistance(a, b);
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return Math.trunc((adjusted > 0 ? adjusted : raw) * 1e9) / 1e9;
}

/**
 * Takes in a round trip of `rttSeconds` to a member at `other`. `unit` gives a random direction,
 * needed only when both are at the same place. Nonsense changes nothing.
 */
export function observe(
  vivaldi: Vivaldi,
  name: string,
  other: Coordinate,
  rttSeconds: number,
  random: () => number,
): Vivaldi {
  if (other.Vec.length !== DIMENSIONS || !isValidCoordinate(other)) return vivaldi;
  if (!(rttSeconds >= 0 && rttSeconds <= RTT_SECONDS_MAX)) return vivaldi;

  const samples = [...(vivaldi.latencies.get(name) ?? []), rttSeconds].slice(-LATENCY_WINDOW);
  const rtt = median(samples);
  const latencies = LayeredMap.over(vivaldi.latencies);
  latencies.set(name, samples);

  const moved = move(vivaldi.coordinate, other, rtt, random);
  const adjustments = vivaldi.adjustments.slice();
  adjustments[vivaldi.adjustmentAt] = rtt - rawDistance(moved, other);
  const sum = adjustments.reduce((total, sample) => total + sample, 0);
  const adjusted = { ...moved, Adjustment: sum / (2 * ADJUSTMENT_WINDOW) };
  const coordinate = gravitate(adjusted, random);

  if (!isValidCoordinate(coordinate)) {
    return { ...VIVALDI_START, latencies, resets: vivaldi.resets + 1 };
  }
  const adjustmentAt = (vivaldi.adjustmentAt + 1) % ADJUSTMENT_WINDOW;
  return { coordinate, adjustments, adjustmentAt, latencies, resets: vivaldi.resets };
}

/** Forgets the samples of a member that is gone. */
export function forget(vivaldi: Vivaldi, name: string): Vivaldi {
  if (!vivaldi.latencies.has(name)) return vivaldi;
  const latencies = LayeredMap.over(vivaldi.latencies);
  latencies.delete(name);
  return { ...vivaldi, latencies };
}

function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function move(own: Coordinate, other: Coordinate, rtt: number, random: () => number): Coordinate {
  const seconds = Math.max(rtt, ZERO_THRESHOLD);
  const predicted = distance(own, other);
  const wrongness = Math.abs(predicted - seconds) / seconds;
  const totalError = Math.max(own.Error + other.Error, ZERO_THRESHOLD);
  const weight = own.Error / totalError;
  const error = Math.min(
    ERROR_MAX,
    ERROR_FACTOR * weight * wrongness + own.Error * (1 - ERROR_FACTOR * weight),
  );
  const force = FORCE_FACTOR * weight * (seconds - predicted);
  return push({ ...own, Error: error }, other, force, random);
}

function push(own: Coordinate, from: Coordinate, force: number, random: () => number): Coordinate {
  const apart = difference(own.Vec, from.Vec);
  const size = magnitude(apart);
  if (size > ZERO_THRESHOLD) {
    const Vec = own.Vec.map((value, index) => value + ((apart[index] ?? 0) / size) * force);
    const Height = Math.max(HEIGHT_MIN, ((own.Height + from.Height) * force) / size + own.Height);
    return { ...own, Vec, Height };
  }
  const unit = randomUnit(random);
  return { ...own, Vec: own.Vec.map((value, index) => value + (unit[index] ?? 0) * force) };
}

function randomUnit(random: () => number): readonly number[] {
  const direction = ORIGIN.Vec.map(() => random() - 0.5);
  const size = magnitude(direction);
  if (size > ZERO_THRESHOLD) return direction.map((value) => value / size);
  return ORIGIN.Vec.map((_, index) => (index === 0 ? 1 : 0));
}

function gravitate(own: Coordinate, random: () => number): Coordinate {
  const far = distance(ORIGIN, own) / GRAVITY_RHO;
  return push(own, ORIGIN, -(far * far), random);
}

function difference(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((value, index) => value - (b[index] ?? 0));
}

function magnitude(vector: readonly number[]): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}
