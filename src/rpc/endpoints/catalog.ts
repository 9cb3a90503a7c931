/** `Catalog.*` on a server. */

import { NODE_FIELDS, NODE_SERVICE_FIELDS, SERVICE_NODE_FIELDS } from '../../filter/fields.ts';
import { compileFilter } from '../../filter/filter.ts';
import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import {
  DeregisterRequest,
  type Node,
  type NodeService,
  type NodeServices,
  RegisterRequest,
  type ServiceNode,
  type ServiceSpecificRequest,
} from '../../model/catalog.ts';
import {
  gatewayServices,
  hasMeta,
  listNodes,
  listServices,
  nodeServiceList,
  nodeServices,
  serviceNodes,
} from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/catalog.ts';
import { preparedRegistration } from './catalog-write.ts';
import type { EndpointDeps } from './deps.ts';
import { sortNear } from './near.ts';
import { answerRead } from './read.ts';

export function catalogEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [...catalogWrites(deps), ...catalogLists(deps), ...catalogNodeReads(deps)];
}

function catalogWrites(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.CATALOG_REGISTER, async (request) => {
      await deps.raftApply(COMMAND_TYPES.Register, RegisterRequest, preparedRegistration(request));
      return {};
    }),
    serve(method.CATALOG_DEREGISTER, async (request) => {
      if (request.Node === '') throw new RpcError('Must provide node');
      await deps.raftApply(COMMAND_TYPES.Deregister, DeregisterRequest, request);
      return {};
    }),
  ];
}

function catalogLists(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.CATALOG_LIST_DATACENTERS, async () => deps.datacenters()),

    serve(method.CATALOG_LIST_NODES, async (request, origin) => {
      const passes = compileFilter<Node>(request.Filter, NODE_FIELDS);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = listNodes(reader, { nodeMeta: request.NodeMetaFilters });
        const nodes = result.filter(passes);
        const sorted = sortNear(reader, request.Source, deps.datacenter, nodes, (one) => one.Node);
        return { index, result: { Nodes: sorted } };
      });
    }),

    serve(method.CATALOG_LIST_SERVICES, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = listServices(reader, { nodeMeta: request.NodeMetaFilters });
        return { index, result: { Services: result } };
      }),
    ),

    serve(method.CATALOG_SERVICE_LIST, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = listServices(reader, { nodeMeta: request.NodeMetaFilters });
        return { index, result: { Services: Object.keys(result).map((Name) => ({ Name })) } };
      }),
    ),

    serve(method.CATALOG_SERVICE_NODES, async (request, origin) => {
      if (request.ServiceName === '' && request.ServiceAddress === '') {
        throw new RpcError('Must provide service name');
      }
      const passes = compileFilter<ServiceNode>(request.Filter, SERVICE_NODE_FIELDS);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = serviceNodes(reader, {
          service: request.ServiceName,
          tags: wantedTags(request),
          address: request.ServiceAddress,
          connect: request.Connect,
        });
        const rows = result.filter(
          (row) => hasMeta(row.NodeMeta, request.NodeMetaFilters) && passes(row),
        );
        const sorted = sortNear(reader, request.Source, deps.datacenter, rows, (one) => one.Node);
        return { index, result: { ServiceNodes: sorted } };
      });
    }),

    serve(method.CATALOG_GATEWAY_SERVICES, async (request, origin) => {
      if (request.ServiceName === '') throw new RpcError('Must provide gateway name');
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = gatewayServices(reader, request.ServiceName);
        return { index, result: { Services: result.length === 0 ? null : result } };
      });
    }),
  ];
}

function catalogNodeReads(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.CATALOG_NODE_SERVICES, async (request, origin) => {
      if (request.Node === '') throw new RpcError('Must provide node');
      const passes = compileFilter<NodeService>(request.Filter, NODE_SERVICE_FIELDS);
      type Found = { readonly NodeServices: NodeServices | null };
      return answerRead<Found>(deps, request, origin, (reader) => {
        const { index, result } = nodeServices(reader, request.Node);
        if (result === null) return { index, result: { NodeServices: null } };
        const kept = Object.entries(result.Services ?? {}).filter(([, one]) => passes(one));
        return {
          index,
          result: { NodeServices: { Node: result.Node, Services: Object.fromEntries(kept) } },
        };
      });
    }),

    serve(method.CATALOG_NODE_SERVICE_LIST, async (request, origin) => {
      if (request.Node === '') throw new RpcError('Must provide node');
      const passes = compileFilter<NodeService>(request.Filter, NODE_SERVICE_FIELDS);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = nodeServiceList(reader, request.Node);
        const kept = (result.Services ?? []).filter(passes);
        // Go leaves a list that nothing was appended to as nil.
        const Services = kept.length === 0 ? null : kept;
        return { index, result: { NodeServices: { Node: result.Node, Services } } };
      });
    }),
  ];
}

/** Tags that all must match; senders before 1.3 name a single one. */
export function wantedTags(request: ServiceSpecificRequest): readonly string[] | null {
  if (!request.TagFilter) return null;
  if (request.ServiceTags !== null && request.ServiceTags.length > 0) return request.ServiceTags;
  return request.ServiceTag === '' ? null : [request.ServiceTag];
}
