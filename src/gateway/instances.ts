/**
 * Instances of a service as the agent's HTTP API tells them: node, service and checks of both. Only
 * the fields that decide where a connection goes.
 */

export interface ServiceInstance {
  readonly Node: {
    readonly Node: string;
    readonly Address: string;
    readonly Datacenter?: string | undefined;
    readonly TaggedAddresses?: Readonly<Record<string, string>> | null | undefined;
  };
  readonly Service: {
    readonly ID: string;
    readonly Service: string;
    readonly Address: string;
    readonly Port: number;
    readonly Meta?: Readonly<Record<string, string>> | null | undefined;
    readonly TaggedAddresses?: Readonly<Record<string, TaggedAddress>> | null | undefined;
    readonly ModifyIndex?: number | undefined;
  };
  readonly Checks?: readonly { readonly Status: string }[] | null | undefined;
}

export interface TaggedAddress {
  readonly Address: string;
  readonly Port: number;
}

/** Host name or IP address, and port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Within the datacenter: the service's own address, else that of its node. */
export function lanAddress({ Node, Service }: ServiceInstance): Address {
  return { host: Service.Address || Node.Address, port: Service.Port };
}

/**
 * From other datacenters: tag `wan` of the service, its address, tag `wan` of the node, its address.
 * Never `wan_ipv4`, which agents of Consul fill with the LAN address.
 */
export function wanAddress({ Node, Service }: ServiceInstance): Address {
  const tagged = Service.TaggedAddresses?.['wan'];
  if (tagged !== undefined && tagged.Address !== '') {
    return { host: tagged.Address, port: tagged.Port || Service.Port };
  }
  if (Service.Address !== '') return { host: Service.Address, port: Service.Port };
  return { host: Node.TaggedAddresses?.['wan'] || Node.Address, port: Service.Port };
}

/** No check of node or service is critical. */
export function isHealthy(one: ServiceInstance): boolean {
  return !(one.Checks ?? []).some((check) => check.Status === 'critical');
}

/** Whether it says of itself that it carries federation traffic. */
export function carriesFederation(one: ServiceInstance): boolean {
  return one.Service.Meta?.['consul-wan-federation'] === '1';
}

/** The newest change among several; 0 for none. */
export function newestIndex(list: readonly ServiceInstance[]): number {
  return list.reduce((newest, one) => Math.max(newest, one.Service.ModifyIndex ?? 0), 0);
}
