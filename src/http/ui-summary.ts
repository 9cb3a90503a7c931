/** Instances summed up by service, as the UI lists them. */

import type { CheckServiceNode, GatewayService, ServiceInfo } from '../model/catalog.ts';
import type { HealthCheck } from '../model/health-check.ts';

const CONNECT_PROXY = 'connect-proxy';
const INGRESS_GATEWAY = 'ingress-gateway';
const EXTERNAL_SOURCE = 'external-source';

export interface ServiceSummary {
  readonly Kind: string;
  readonly Name: string;
  readonly Datacenter: string;
  readonly Tags: readonly string[] | null;
  readonly Nodes: readonly string[] | null;
  readonly ExternalSources: readonly string[] | null;
  readonly InstanceCount: number;
  readonly ChecksPassing: number;
  readonly ChecksWarning: number;
  readonly ChecksCritical: number;
  readonly GatewayConfig: {
    readonly AssociatedServiceCount: number;
    readonly Addresses: readonly string[];
  };
}

export interface Summaries {
  /** By name. */
  readonly services: readonly ServiceSummary[];
  /** Services that a proxy stands for. */
  readonly proxied: ReadonlySet<string>;
}

/** What is collected of one service. */
class Sum {
  kind = '';
  datacenter = '';
  instances = 0;
  readonly nodes: string[] = [];
  readonly tags = new Set<string>();
  readonly sources = new Set<string>();
  readonly addresses = new Set<string>();
  /** By node and check: a node's own check is that of all of its instances. */
  readonly checks = new Map<string, HealthCheck>();
}

/**
 * Sums up instances; checks of a proxy count for its service too. `domains`: where services behind
 * an ingress gateway are found when the gateway names no hosts.
 */
export function summarize(
  dump: readonly (ServiceInfo | CheckServiceNode)[],
  domains: readonly string[] = [],
): Summaries {
  const sums = new Map<string, Sum>();
  const proxied = new Set<string>();
  const of = (name: string): Sum => {
    const sum = sums.get(name) ?? new Sum();
    sums.set(name, sum);
    return sum;
  };
  for (const entry of dump) {
    const link = 'GatewayService' in entry ? entry.GatewayService : null;
    if (link !== null) addAddresses(of(link.Service.Name), link, domains);
    const { Node, Service, Checks } = entry;
    if (Node === null || Service === null) continue;
    const sum = of(Service.Service);
    sum.kind = Service.Kind;
    sum.datacenter = Node.Datacenter;
    sum.instances += 1;
    sum.nodes.push(Node.Node);
    for (const tag of Service.Tags ?? []) sum.tags.add(tag);
    const source = Service.Meta?.[EXTERNAL_SOURCE] ?? '';
    if (source !== '') sum.sources.add(source);
    addChecks(sum, Node.Node, Checks ?? []);
    if (Service.Kind !== CONNECT_PROXY) continue;
    const destination = Service.Proxy.DestinationServiceName;
    proxied.add(destination);
    addChecks(of(destination), Node.Node, Checks ?? []);
  }
  const services = [...sums].map(([name, sum]) => summaryOf(name, sum));
  return { services: services.toSorted((a, b) => (a.Name < b.Name ? -1 : 1)), proxied };
}

/** Whether a service has a place of its own in a picture of the mesh. */
export function isShownInTopology({ Kind }: ServiceSummary): boolean {
  return Kind === '' || Kind === INGRESS_GATEWAY;
}

function addChecks(sum: Sum, node: string, checks: readonly HealthCheck[]): void {
  for (const check of checks) sum.checks.set(`${node}\0${check.CheckID}`, check);
}

function addAddresses(sum: Sum, link: GatewayService, domains: readonly string[]): void {
  if (link.Port === 0) return;
  const named = link.Hosts ?? [];
  const hosts =
    named.length > 0 ? named : domains.map((domain) => `${link.Service.Name}.ingress.${domain}`);
  for (const host of hosts) sum.addresses.add(`${host}:${link.Port}`);
}

function summaryOf(Name: string, sum: Sum): ServiceSummary {
  const counted = (status: string): number =>
    [...sum.checks.values()].filter(({ Status }) => Status === status).length;
  return {
    Kind: sum.kind,
    Name,
    Datacenter: sum.datacenter,
    Tags: sum.tags.size === 0 ? null : [...sum.tags].toSorted(),
    Nodes: sum.nodes.length === 0 ? null : sum.nodes.toSorted(),
    ExternalSources: sum.sources.size === 0 ? null : [...sum.sources],
    InstanceCount: sum.instances,
    ChecksPassing: counted('passing'),
    ChecksWarning: counted('warning'),
    ChecksCritical: counted('critical'),
    GatewayConfig: { AssociatedServiceCount: 0, Addresses: [...sum.addresses] },
  };
}
