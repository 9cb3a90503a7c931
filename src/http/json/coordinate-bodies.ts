/** Request bodies that tell coordinates. */

import { float, list, object, pointer, str } from './input.ts';

const networkCoordinateInput = object(
  { Vec: list(float), Error: float, Adjustment: float, Height: float },
  { name: 'Coordinate', unknown: 'refuse' },
);

export const coordinateUpdateInput = object(
  { Datacenter: str, Node: str, Segment: str, Coord: pointer(networkCoordinateInput) },
  { name: 'CoordinateUpdateRequest', unknown: 'refuse' },
);
