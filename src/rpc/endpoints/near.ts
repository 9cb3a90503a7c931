/** Sorting by estimated round-trip time. */

import type { QuerySource } from '../../model/blocks.ts';
import type { NetworkCoordinate } from '../../model/coordinate.ts';
import { roundTripSeconds } from '../../model/round-trip.ts';
import { nodeCoordinates } from '../../store/index.ts';
import type { StoreReader } from '../../store/view.ts';

/**
 * Sorts by distance from the node that asks; those without a coordinate go last, in their order.
 * Without a node, or when it has no coordinate, the order stays.
 */
export function sortNear<T>(
  reader: StoreReader,
  source: QuerySource,
  ownDatacenter: string,
  rows: readonly T[],
  nodeOf: (row: T) => string,
): readonly T[] {
  if (source.Node === '' || source.Datacenter !== ownDatacenter) return rows;
  const quiet = reader.unwatched;
  const from = coordinateOf(quiet, source.Node);
  if (from === null) return rows;
  const distances = rows.map((row) => {
    const to = coordinateOf(quiet, nodeOf(row));
    return { row, seconds: to === null ? Number.POSITIVE_INFINITY : roundTripSeconds(from, to) };
  });
  const order = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
  return distances.sort((a, b) => order(a.seconds, b.seconds)).map(({ row }) => row);
}

function coordinateOf(reader: StoreReader, node: string): NetworkCoordinate | null {
  const { result } = nodeCoordinates(reader, node);
  return result.find((one) => one.Segment === '')?.Coord ?? null;
}
