/** `Coordinate.*`: round-trip estimations of nodes and of datacenters. */

import { DCSpecificRequest, EmptyReply, NodeSpecificRequest } from '../../model/blocks.ts';
import {
  CoordinateUpdateRequest,
  type DatacenterMap,
  DatacenterMaps,
  IndexedCoordinates,
} from '../../model/coordinate.ts';
import type { RpcMethod } from '../method.ts';

export const COORDINATE_LIST_DATACENTERS: RpcMethod<EmptyReply, readonly DatacenterMap[] | null> = {
  name: 'Coordinate.ListDatacenters',
  request: EmptyReply,
  reply: DatacenterMaps,
  routing: { to: 'here', access: 'read' },
};

export const COORDINATE_LIST_NODES: RpcMethod<DCSpecificRequest, IndexedCoordinates> = {
  name: 'Coordinate.ListNodes',
  request: DCSpecificRequest,
  reply: IndexedCoordinates,
};

export const COORDINATE_NODE: RpcMethod<NodeSpecificRequest, IndexedCoordinates> = {
  name: 'Coordinate.Node',
  request: NodeSpecificRequest,
  reply: IndexedCoordinates,
};

export const COORDINATE_UPDATE: RpcMethod<CoordinateUpdateRequest, EmptyReply> = {
  name: 'Coordinate.Update',
  request: CoordinateUpdateRequest,
  reply: EmptyReply,
};
