/** `Health.*` on a server. */

import { CHECK_SERVICE_NODE_FIELDS, HEALTH_CHECK_FIELDS } from '../../filter/fields.ts';
import { compileFilter } from '../../filter/filter.ts';
import type { CheckServiceNode } from '../../model/catalog.ts';
import type { HealthCheck } from '../../model/health-check.ts';
import { checkServiceNodes, checksInState, nodeChecks, serviceChecks } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/health.ts';
import { wantedTags } from './catalog.ts';
import type { EndpointDeps } from './deps.ts';
import { sortNear } from './near.ts';
import { answerRead } from './read.ts';

export function healthEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  const filter = (expression: string) =>
    compileFilter<HealthCheck>(expression, HEALTH_CHECK_FIELDS);
  return [
    serve(method.HEALTH_CHECKS_IN_STATE, async (request, origin) => {
      const passes = filter(request.Filter);
      return answerRead(deps, request, origin, (reader) => {
        const found = checksInState(reader, request.State, { nodeMeta: request.NodeMetaFilters });
        const checks = found.result.filter(passes);
        const sorted = sortNear(reader, request.Source, deps.datacenter, checks, (one) => one.Node);
        return { index: found.index, result: { HealthChecks: sorted } };
      });
    }),

    serve(method.HEALTH_NODE_CHECKS, async (request, origin) => {
      const passes = filter(request.Filter);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = nodeChecks(reader, request.Node);
        return { index, result: { HealthChecks: result.filter(passes) } };
      });
    }),

    serve(method.HEALTH_SERVICE_CHECKS, async (request, origin) => {
      const passes = filter(request.Filter);
      return answerRead(deps, request, origin, (reader) => {
        const found = serviceChecks(reader, request.ServiceName, {
          nodeMeta: request.NodeMetaFilters,
        });
        const checks = found.result.filter(passes);
        const sorted = sortNear(reader, request.Source, deps.datacenter, checks, (one) => one.Node);
        return { index: found.index, result: { HealthChecks: sorted } };
      });
    }),

    serve(method.HEALTH_SERVICE_NODES, async (request, origin) => {
      if (request.ServiceName === '') throw new RpcError('Must provide service name');
      const passes = compileFilter<CheckServiceNode>(request.Filter, CHECK_SERVICE_NODE_FIELDS);
      return answerRead(deps, request, origin, (reader) => {
        if (request.Ingress) {
          return { index: reader.indexRow('gateway-services') ?? 0, result: { Nodes: [] } };
        }
        const { index, result } = checkServiceNodes(reader, {
          service: request.ServiceName,
          tags: wantedTags(request),
          connect: request.Connect,
          nodeMeta: request.NodeMetaFilters,
        });
        const entries = result.filter(passes);
        const nodeOf = (entry: CheckServiceNode): string => entry.Node?.Node ?? '';
        const sorted = sortNear(reader, request.Source, deps.datacenter, entries, nodeOf);
        return { index, result: { Nodes: sorted } };
      });
    }),
  ];
}
