/** `/v1/internal/ui/…`: services, gateways and who is connected to whom. */

import type {
  CheckServiceNode,
  GatewayService,
  ServiceSpecificRequest,
} from '../../model/catalog.ts';
import { IntentionQueryRequest } from '../../model/intention.ts';
import { IntentionDecisionSummary } from '../../model/topology.ts';
import * as method from '../../rpc/methods/internal.ts';
import type { HttpContext } from '../context.ts';
import { intentionJson } from '../json/intention.ts';
import { list } from '../json/output.ts';
import {
  type LinkedService,
  type ListedService,
  listedServiceJson,
  serviceSummaryJson,
  topologyJson,
} from '../json/ui-summary.ts';
import { badRequest, type HttpAnswer, type HttpRequest } from '../message.ts';
import { querySource, type ReadOptions, refuseNamespace } from '../options.ts';
import { answerRead, shown } from '../read.ts';
import type { Route } from '../router.ts';
import { isShownInTopology, summarize } from '../ui-summary.ts';
import { rest } from './path.ts';

const GATEWAY_SERVICES = '/v1/internal/ui/gateway-services-nodes/';
const GATEWAY_INTENTIONS = '/v1/internal/ui/gateway-intentions/';
const TOPOLOGY = '/v1/internal/ui/service-topology/';
const UI_READ = { failedMeta: 'told', consistency: 'none', cached: 'none' } as const;
const TOPOLOGY_KINDS = ['', 'ingress-gateway'];

const listedJson = list(listedServiceJson, 'null');
const summariesJson = list(serviceSummaryJson, 'null');
const intentionsJson = list(intentionJson);

export const INTERNAL_UI_SERVICE_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/internal/ui/services', methods: ['GET'], handler: services },
  { path: GATEWAY_SERVICES, methods: ['GET'], handler: gatewayServices },
  { path: GATEWAY_INTENTIONS, methods: ['GET'], handler: gatewayIntentions },
  { path: TOPOLOGY, methods: ['GET'], handler: topology },
];

async function services(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  return answerRead(http, context, {
    ...UI_READ,
    method: method.INTERNAL_SERVICE_DUMP,
    request: ({ datacenter, options }) => ({
      ...options,
      Datacenter: datacenter,
      ServiceKind: '',
      UseServiceKind: false,
      Source: querySource(http, context.agent.own),
    }),
    answer: shown(({ Nodes, Gateways }) =>
      listedJson.text(nullWhenEmpty(listedOf(Nodes ?? [], Gateways ?? []))),
    ),
  });
}

/** A gateway counts when it has an instance, whatever its entry says. */
function listedOf(
  nodes: readonly CheckServiceNode[],
  links: readonly GatewayService[],
): readonly ListedService[] {
  const { services: summaries, proxied } = summarize(nodes);
  const present = new Set(summaries.map(({ Name }) => Name));
  return summaries.map((summary) => {
    const behind = links.filter(({ Gateway }) => Gateway.Name === summary.Name);
    const before = links.filter(({ Service }) => Service.Name === summary.Name);
    return {
      ...summary,
      GatewayConfig: { ...summary.GatewayConfig, AssociatedServiceCount: behind.length },
      ConnectedWithProxy: proxied.has(summary.Name),
      ConnectedWithGateway:
        summary.InstanceCount > 0 && before.some(({ Gateway }) => present.has(Gateway.Name)),
    };
  });
}

async function gatewayServices(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const name = rest(http.path, GATEWAY_SERVICES);
  if (name === '') throw badRequest('Missing gateway name');
  return answerRead(http, context, {
    ...UI_READ,
    method: method.INTERNAL_GATEWAY_SERVICE_DUMP,
    request: (read) => serviceRequest(http, context, read, name, ''),
    answer: shown(({ Dump }) => {
      const datacenter = http.query.get('dc') || context.agent.own.datacenter;
      const domains = context.agent.domains.map((domain) => `${datacenter}.${domain}`);
      const found = summarize(Dump ?? [], domains);
      return summariesJson.text(nullWhenEmpty(found.services));
    }),
  });
}

async function gatewayIntentions(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const name = rest(http.path, GATEWAY_INTENTIONS);
  if (name === '') throw badRequest('Missing gateway name');
  return answerRead(http, context, {
    ...UI_READ,
    method: method.INTERNAL_GATEWAY_INTENTIONS,
    request: ({ datacenter, options }) =>
      IntentionQueryRequest.of({
        ...options,
        Filter: '',
        Datacenter: datacenter,
        Match: { Type: 'destination', Entries: [{ Namespace: '', Name: name }] },
      }),
    answer: shown(({ Intentions }) => intentionsJson.text(Intentions ?? [])),
  });
}

async function topology(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const name = rest(http.path, TOPOLOGY);
  if (name === '') throw badRequest('Missing service name');
  if (!http.query.has('kind')) throw badRequest('Missing service kind');
  const kind = http.query.get('kind');
  if (!TOPOLOGY_KINDS.includes(kind)) {
    throw badRequest(`Unsupported service kind ${JSON.stringify(kind)}`);
  }
  return answerRead(http, context, {
    ...UI_READ,
    method: method.INTERNAL_SERVICE_TOPOLOGY,
    request: (read) => serviceRequest(http, context, read, name, kind),
    answer: shown(({ ServiceTopology, FilteredByACLs }) =>
      topologyJson.text({
        Protocol: ServiceTopology?.MetricsProtocol ?? '',
        Upstreams: linkedOf(ServiceTopology?.Upstreams, ServiceTopology?.UpstreamDecisions),
        Downstreams: linkedOf(ServiceTopology?.Downstreams, ServiceTopology?.DownstreamDecisions),
        FilteredByACLs,
      }),
    ),
  });
}

function linkedOf(
  nodes: readonly CheckServiceNode[] | null | undefined,
  decisions: Readonly<Record<string, IntentionDecisionSummary>> | null | undefined,
): readonly LinkedService[] {
  return summarize(nodes ?? [])
    .services.filter(isShownInTopology)
    .map((summary) => ({
      ...summary,
      Intention: decisions?.[summary.Name] ?? IntentionDecisionSummary.zero(),
    }));
}

function serviceRequest(
  http: HttpRequest,
  context: HttpContext,
  { datacenter, options }: ReadOptions,
  ServiceName: string,
  ServiceKind: string,
): ServiceSpecificRequest {
  return {
    ...options,
    Filter: '',
    Datacenter: datacenter,
    NodeMetaFilters: null,
    ServiceName,
    ServiceKind,
    ServiceTag: '',
    ServiceTags: null,
    ServiceAddress: '',
    TagFilter: false,
    Source: querySource(http, context.agent.own),
    Connect: false,
    Ingress: false,
  };
}

function nullWhenEmpty<T>(found: readonly T[]): readonly T[] | null {
  return found.length === 0 ? null : found;
}
