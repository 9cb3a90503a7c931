/** Estimated round trips between network coordinates (Vivaldi with height and adjustment). */

import type { NetworkCoordinate } from './coordinate.ts';

/** Estimated round trip between two coordinates, in seconds. */
export function roundTripSeconds(a: NetworkCoordinate, b: NetworkCoordinate): number {
  let squares = 0;
  const left = a.Vec ?? [];
  const right = b.Vec ?? [];
  for (const [at, one] of left.entries()) squares += (one - (right[at] ?? 0)) ** 2;
  const raw = Math.sqrt(squares) + a.Height + b.Height;
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return adjusted > 0 ? adjusted : raw;
}
