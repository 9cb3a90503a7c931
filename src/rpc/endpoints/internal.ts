/** `Internal.*` and `Coordinate.*` on a server. */

import { CHECK_SERVICE_NODE_FIELDS, NODE_INFO_FIELDS } from '../../filter/fields.ts';
import { compileFilter } from '../../filter/filter.ts';
import type { CheckServiceNode, NodeInfo } from '../../model/catalog.ts';
import type { CoordinateUpdateRequest } from '../../model/coordinate.ts';
import {
  coordinates,
  nodeCoordinates,
  nodeDump,
  nodeInfo,
  serviceDump,
  serviceDumpByKind,
} from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as coordinate from '../methods/coordinate.ts';
import * as method from '../methods/internal.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead, queryMeta } from './read.ts';

/** Dimensions of a coordinate. */
const DIMENSIONS = 8;

export function internalEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.INTERNAL_NODE_INFO, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = nodeInfo(reader, request.Node);
        return { index, result: { Dump: result } };
      }),
    ),

    serve(method.INTERNAL_NODE_DUMP, async (request, origin) => {
      const passes = compileFilter<NodeInfo>(request.Filter, NODE_INFO_FIELDS);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = nodeDump(reader);
        return { index, result: { Dump: result.filter(passes) } };
      });
    }),

    serve(method.INTERNAL_SERVICE_DUMP, async (request, origin) => {
      const passes = compileFilter<CheckServiceNode>(request.Filter, CHECK_SERVICE_NODE_FIELDS);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = request.UseServiceKind
          ? serviceDumpByKind(reader, request.ServiceKind)
          : serviceDump(reader);
        const nodes = result.map(({ Node, Service, Checks }) => ({ Node, Service, Checks }));
        return { index, result: { Nodes: nodes.filter(passes), Gateways: null } };
      });
    }),

    serve(method.INTERNAL_EVENT_FIRE, async (request) => {
      await deps.fireEvent(request.Name, request.Payload ?? Buffer.alloc(0));
      return queryMeta(deps, 0);
    }),
  ];
}

export function coordinateEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(coordinate.COORDINATE_LIST_DATACENTERS, async () => deps.datacenterMaps()),

    serve(coordinate.COORDINATE_LIST_NODES, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = coordinates(reader);
        return { index, result: { Coordinates: result } };
      }),
    ),

    serve(coordinate.COORDINATE_NODE, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = nodeCoordinates(reader, request.Node);
        return { index, result: { Coordinates: result } };
      }),
    ),

    serve(coordinate.COORDINATE_UPDATE, async (request) => {
      requireUsable(request);
      deps.updateCoordinate({ Node: request.Node, Segment: request.Segment, Coord: request.Coord });
      return {};
    }),
  ];
}

function requireUsable({ Coord }: CoordinateUpdateRequest): void {
  if (Coord === null || Coord.Vec?.length !== DIMENSIONS) {
    throw new RpcError('incompatible coordinate');
  }
  const numbers = [...Coord.Vec, Coord.Error, Coord.Adjustment, Coord.Height];
  if (!numbers.every(Number.isFinite)) throw new RpcError('invalid coordinate');
}
