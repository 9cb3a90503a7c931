/** Lamport times are unsigned 64-bit integers that wrap as in Go. */

export function toU64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** A clock that has seen `seen`. */
export function witnessed(clock: bigint, seen: bigint): bigint {
  return seen >= clock ? toU64(seen + 1n) : clock;
}
