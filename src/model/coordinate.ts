/** Network coordinates (Vivaldi) of nodes. */

import { f64, pointer, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { QueryMeta, WriteRequest } from './blocks.ts';

/** `Vec` has 8 elements, in seconds. */
export const NetworkCoordinate = struct({
  Vec: slice(f64),
  Error: f64,
  Adjustment: f64,
  Height: f64,
});
export type NetworkCoordinate = TypeOf<typeof NetworkCoordinate>;

/** The coordinate of a node in a network segment. */
export const Coordinate = struct({
  Node: str,
  Segment: str,
  Coord: pointer(NetworkCoordinate),
});
export type Coordinate = TypeOf<typeof Coordinate>;

/** A batch of coordinates: the body of the FSM command. */
export const Coordinates = slice(Coordinate);

export const CoordinateUpdateRequest = struct({
  Datacenter: str,
  Node: str,
  Segment: str,
  Coord: pointer(NetworkCoordinate),
  ...WriteRequest.fields,
});
export type CoordinateUpdateRequest = TypeOf<typeof CoordinateUpdateRequest>;

export const IndexedCoordinates = struct({
  Coordinates: slice(Coordinate),
  ...QueryMeta.fields,
});
export type IndexedCoordinates = TypeOf<typeof IndexedCoordinates>;

export const DatacenterMap = struct({
  Datacenter: str,
  AreaID: str,
  Coordinates: slice(Coordinate),
});
export type DatacenterMap = TypeOf<typeof DatacenterMap>;

/** The reply of `Coordinate.ListDatacenters`. */
export const DatacenterMaps = slice(DatacenterMap);
