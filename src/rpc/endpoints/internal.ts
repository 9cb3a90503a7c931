/** `Internal.*` and `Coordinate.*` on a server. */

import { CHECK_SERVICE_NODE_FIELDS, NODE_INFO_FIELDS } from '../../filter/fields.ts';
import { compileFilter } from '../../filter/filter.ts';
import type { CheckServiceNode, NodeInfo } from '../../model/catalog.ts';
import type { CoordinateUpdateRequest } from '../../model/coordinate.ts';
import {
  coordinates,
  gatewayIntentions,
  gatewayServiceDump,
  gatewayServices,
  INGRESS_GATEWAY,
  nodeCoordinates,
  nodeDump,
  nodeInfo,
  serviceDump,
  serviceDumpByKind,
  serviceTopology,
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
        const gateways = gatewayServices(reader);
        return {
          index: Math.max(index, gateways.index),
          result: {
            Nodes: nodes.filter(passes),
            Gateways: gateways.result.length === 0 ? null : gateways.result,
          },
        };
      });
    }),

    serve(method.INTERNAL_SERVICE_TOPOLOGY, async (request, origin) => {
      const { ServiceName, ServiceKind } = request;
      if (ServiceName === '') throw new RpcError('Must provide a service name');
      if (ServiceKind !== '' && ServiceKind !== INGRESS_GATEWAY) {
        throw new RpcError(`unsupported kind ${JSON.stringify(ServiceKind)}`);
      }
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = serviceTopology(reader, ServiceName, ServiceKind);
        return { index, result: { ServiceTopology: result, FilteredByACLs: false } };
      });
    }),

    serve(method.INTERNAL_GATEWAY_SERVICE_DUMP, async (request, origin) => {
      if (request.ServiceName === '') throw new RpcError('Must provide gateway name');
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = gatewayServiceDump(reader, request.ServiceName);
        return { index, result: { Dump: result.length === 0 ? null : result } };
      });
    }),

    serve(method.INTERNAL_GATEWAY_INTENTIONS, async (request, origin) => {
      const [gateway, ...more] = request.Match?.Entries ?? [];
      if (gateway === undefined || more.length > 0) {
        const count = gateway === undefined ? 0 : more.length + 1;
        throw new RpcError(`Expected 1 gateway name, got ${count}`);
      }
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = gatewayIntentions(reader, gateway.Name);
        return { index, result: { Intentions: result, DataOrigin: '' } };
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
