/** Who is connected to whom, as proxies and ingress gateways are registered and configured. */

import type { CheckServiceNode, ServiceInfo } from '../../model/catalog.ts';
import { IngressGatewayEntry } from '../../model/gateway-entries.ts';
import type { Intention } from '../../model/intention.ts';
import { ANY_SERVICE } from '../../model/intention-rules.ts';
import { IntentionDecisionSummary, type ServiceTopology } from '../../model/topology.ts';
import { decode } from '../../wire/msgpack/schema.ts';
import type { Indexed } from '../blocking-query.ts';
import { kindRowName, maxIndex } from '../index-rows.ts';
import { nameKey } from '../table.ts';
import { servicesTable } from '../tables.ts';
import type { StoreReader } from '../view.ts';
import { protocolOfService } from './discovery-chain.ts';
import { gatewayServices, INGRESS_GATEWAY } from './gateways.ts';
import { checkServiceNodes } from './health.ts';
import { decidingIntention, matchingIntentions } from './intentions.ts';
import { configEntry } from './other.ts';

const CONNECT_PROXY = 'connect-proxy';
const PREPARED_QUERY = 'prepared_query';
const EXTERNAL_SOURCE = 'external-source';

/**
 * Services up and down of one, and what intentions say of each. `kind`: `''` for a typical service,
 * `ingress-gateway`. Without ACLs, what no intention forbids is allowed.
 */
export function serviceTopology(
  reader: StoreReader,
  name: string,
  kind: string,
): Indexed<ServiceTopology> {
  const links = meshLinks(reader);
  const key = nameKey(name);
  const above = links.result.filter(({ downstream }) => nameKey(downstream) === key);
  const below = links.result.filter(({ upstream }) => nameKey(upstream) === key);
  const upstreams = unique(above.map(({ upstream }) => upstream));
  const downstreams = unique(below.map(({ downstream }) => downstream));
  const up = instancesOf(reader, upstreams);
  const down = instancesOf(reader, downstreams);
  const isIngress = kind === INGRESS_GATEWAY;
  return {
    index: Math.max(links.index, up.index, down.index),
    result: {
      Upstreams: up.result,
      Downstreams: down.result,
      UpstreamDecisions: decisions(upstreams, (other) => decisionOn(reader, name, other)),
      DownstreamDecisions: decisions(downstreams, (other) => decisionOn(reader, other, name)),
      MetricsProtocol: isIngress ? ingressProtocol(reader, name) : protocolOfService(reader, name),
    },
  };
}

/** Instances behind a gateway, each with its link; a link without instances stands alone. */
export function gatewayServiceDump(
  reader: StoreReader,
  gateway: string,
): Indexed<readonly ServiceInfo[]> {
  const links = gatewayServices(reader, gateway);
  let { index } = links;
  const result = links.result.flatMap((link): readonly ServiceInfo[] => {
    const instances = checkServiceNodes(reader, { service: link.Service.Name });
    index = Math.max(index, instances.index);
    if (instances.result.length === 0) {
      return [{ Node: null, Service: null, Checks: null, GatewayService: link }];
    }
    return instances.result.map((instance) => ({ ...instance, GatewayService: link }));
  });
  return { index, result };
}

/** The intentions to all services behind a gateway, each once. */
export function gatewayIntentions(
  reader: StoreReader,
  gateway: string,
): Indexed<readonly Intention[]> {
  const links = gatewayServices(reader, gateway);
  let { index } = links;
  const found = new Map<string, Intention>();
  for (const { Service } of links.result) {
    const matches = matchingIntentions(reader, 'destination', Service.Name);
    index = Math.max(index, matches.index);
    for (const intention of matches.result) {
      found.set(`${intention.SourceName}\0${intention.DestinationName}`, intention);
    }
  }
  return { index, result: [...found.values()] };
}

interface MeshLink {
  readonly upstream: string;
  readonly downstream: string;
}

/** Every pair, from the upstreams of proxies and the services of ingress gateways. */
function meshLinks(reader: StoreReader): Indexed<readonly MeshLink[]> {
  const proxies = reader.unwatched.lookup(servicesTable.by.kind, CONNECT_PROXY);
  const registered = proxies.flatMap(({ service }) =>
    (service.Proxy.Upstreams ?? [])
      .filter(({ DestinationType }) => DestinationType !== PREPARED_QUERY)
      .map(({ DestinationName }) => ({
        upstream: DestinationName,
        downstream: service.Proxy.DestinationServiceName,
      })),
  );
  const gateways = gatewayServices(reader);
  const ingress = gateways.result
    .filter(({ GatewayKind }) => GatewayKind === INGRESS_GATEWAY)
    .map(({ Gateway, Service }) => ({ upstream: Service.Name, downstream: Gateway.Name }));
  const index = Math.max(gateways.index, maxIndex(reader, kindRowName(CONNECT_PROXY)));
  return { index, result: [...registered, ...ingress] };
}

/** Typical instances, then proxies, of each. */
function instancesOf(
  reader: StoreReader,
  names: readonly string[],
): Indexed<readonly CheckServiceNode[]> {
  const found = names.flatMap((service) => [
    checkServiceNodes(reader, { service }),
    checkServiceNodes(reader, { service, connect: true }),
  ]);
  return {
    index: Math.max(0, ...found.map(({ index }) => index)),
    result: found.flatMap(({ result }) => result),
  };
}

function decisions(
  names: readonly string[],
  decide: (name: string) => IntentionDecisionSummary,
): Readonly<Record<string, IntentionDecisionSummary>> {
  return Object.fromEntries(names.map((name) => [name, decide(name)]));
}

function decisionOn(
  reader: StoreReader,
  source: string,
  destination: string,
): IntentionDecisionSummary {
  const { result } = decidingIntention(reader, { source, destination });
  if (result === null) return IntentionDecisionSummary.of({ Allowed: true });
  const HasPermissions = (result.Permissions ?? []).length > 0;
  return {
    Allowed: result.Action === 'allow' && !HasPermissions,
    HasPermissions,
    ExternalSource: result.Meta?.[EXTERNAL_SOURCE] ?? '',
    HasExact: result.SourceName !== ANY_SERVICE && result.DestinationName !== ANY_SERVICE,
  };
}

/** `http` when all listeners speak it, in whatever version; empty without an entry. */
function ingressProtocol(reader: StoreReader, name: string): string {
  const { result } = configEntry(reader, INGRESS_GATEWAY, name);
  if (result === null) return '';
  const listeners = decode(IngressGatewayEntry, result.body).Listeners ?? [];
  const isHttp = ({ Protocol }: { readonly Protocol: string }): boolean =>
    ['http', 'http2', 'grpc'].includes(Protocol.toLowerCase());
  return listeners.length > 0 && listeners.every(isHttp) ? 'http' : 'tcp';
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted();
}
