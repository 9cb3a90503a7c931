/** Reads what the agent's HTTP API answers to a gateway. All throw a `ZodError` for anything else. */

import { z } from 'zod';
import type { ServiceInstance } from './instances.ts';

const textMap = z.record(z.string(), z.string()).nullish();
const taggedAddress = z.object({ Address: z.string(), Port: z.number() });
const taggedAddresses = z.record(z.string(), taggedAddress).nullish();

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
    TaggedAddresses: taggedAddresses,
    ModifyIndex: z.number().optional(),
  }),
  Checks: z.array(z.object({ Status: z.string() })).nullish(),
});

const instances = z.array(instance).nullable();
const instancesByDatacenter = z.record(z.string(), instances).nullable();

/** The body of `/v1/health/service/<name>`. */
export function parseInstances(body: unknown): readonly ServiceInstance[] {
  return instances.parse(body) ?? [];
}

/** The body of `/v1/internal/federation-states/mesh-gateways`; datacenters in lower case. */
export function parseInstancesByDatacenter(
  body: unknown,
): ReadonlyMap<string, readonly ServiceInstance[]> {
  const entries = Object.entries(instancesByDatacenter.parse(body) ?? {});
  return new Map(entries.map(([dc, list]) => [dc.toLowerCase(), list ?? []]));
}

/** Where the gateway is, as its agent says. */
export interface AgentFacts {
  readonly datacenter: string;
  /** Without the trailing dot. */
  readonly domain: string;
}

const DEFAULT_DOMAIN = 'consul';

const self = z.object({
  Config: z.object({ Datacenter: z.string() }),
  DebugConfig: z.object({ DNSDomain: z.string().optional() }).nullish(),
});

/** The body of `/v1/agent/self`. */
export function parseSelf(body: unknown): AgentFacts {
  const { Config, DebugConfig } = self.parse(body);
  return {
    datacenter: Config.Datacenter.toLowerCase(),
    domain: (DebugConfig?.DNSDomain || DEFAULT_DOMAIN).replace(/\.$/, ''),
  };
}

const agentService = z.object({
  Kind: z.string().optional(),
  ID: z.string(),
  Service: z.string(),
  Address: z.string(),
  Port: z.number(),
  Meta: textMap,
  TaggedAddresses: taggedAddresses,
  Proxy: z.object({ Config: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});

/** A service of the agent itself. */
export type AgentService = Readonly<z.infer<typeof agentService>>;

/** The body of `/v1/agent/service/<id>`. */
export function parseAgentService(body: unknown): AgentService {
  return agentService.parse(body);
}

/** The body of `/v1/agent/services`. */
export function parseAgentServices(body: unknown): readonly AgentService[] {
  return Object.values(z.record(z.string(), agentService).parse(body));
}
