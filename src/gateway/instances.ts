/**
 * Instances of a service as the agent's HTTP API tells them: node, service and checks of both. Only
 * the fields that decide where a connection goes.
 */

import { z } from 'zod';

const address = z.object({ Address: z.string(), Port: z.number() });
const textMap = z.record(z.string(), z.string()).nullish();

const instance = z.object({
  Node: z.object({
    Node: z.string(),
    Address: z.string(),
    Datacenter: z.string().optional(),
    TaggedAddresses: textMap,
  }),
  Service: z.object({
    ID: z.string(),
    Service: z.string(),
    Address: z.string(),
    Port: z.number(),
    Meta: textMap,
    TaggedAddresses: z.record(z.string(), address).nullish(),
    ModifyIndex: z.number().optional(),
  }),
  Checks: z.array(z.object({ Status: z.string() })).nullish(),
});

/** One instance. */
export type ServiceInstance = Readonly<z.infer<typeof instance>>;

/** Host name or IP address, and port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const instances = z.array(instance).nullable();
const instancesByDatacenter = z.record(z.string(), instances).nullable();

/** Reads the body of `/v1/health/service/<name>`. Throws a `ZodError` for anything else. */
export function parseInstances(body: unknown): readonly ServiceInstance[] {
  return instances.parse(body) ?? [];
}

/** Reads the body of `/v1/internal/federation-states/mesh-gateways`. */
export function parseInstancesByDatacenter(
  body: unknown,
): ReadonlyMap<string, readonly ServiceInstance[]> {
  const entries = Object.entries(instancesByDatacenter.parse(body) ?? {});
  return new Map(entries.map(([dc, list]) => [dc.toLowerCase(), list ?? []]));
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
