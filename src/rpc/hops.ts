/**
 * How often a call has been forwarded, carried in the upper bits of `Seq`. A sequence number is
 * opaque to the peer, which only echoes it, and counters of real programs never come near 2^44; so
 * a loop between servers that each take the other for the right one ends after a few hops, and
 * nothing is added to the wire.
 */

const HOP_UNIT = 2 ** 44;

/** Forwardings after which a call is refused. Two are the most that a sound federation needs. */
export const HOPS_MAX = 4;

export function withHops(sequence: number, hops: number): number {
  return sequence + hops * HOP_UNIT;
}

export function hopsOf(sequence: number): number {
  return Math.floor(sequence / HOP_UNIT);
}
