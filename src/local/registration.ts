/** From a service registration as a client sends it to what the agent keeps and runs. */

import type { NodeService, ServiceAddress, Weights } from '../model/catalog.ts';
import { ConnectProxyConfig } from '../model/catalog.ts';
import { ipFamily } from '../model/ip.ts';
import { isAnyAddress, serviceComplaints } from '../model/service-rules.ts';
import { type CheckDescription, checkComplaint, checkDefinition } from './check-rules.ts';
import type { CheckDefinition, LocalService } from './definitions.ts';
import { serviceMetaComplaint } from './metadata.ts';

export interface ServiceDescription {
  readonly Kind: string;
  readonly ID: string;
  readonly Name: string;
  readonly Tags: readonly string[] | null;
  readonly Address: string;
  readonly TaggedAddresses: Readonly<Record<string, ServiceAddress>> | null;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly Port: number;
  readonly Check: DescribedCheck | null;
  readonly Checks: readonly DescribedCheck[] | null;
  readonly Weights: Weights | null;
  readonly Token: string;
  readonly EnableTagOverride: boolean;
  readonly Proxy: ConnectProxyConfig | null;
  readonly Connect: { readonly Native: boolean; readonly SidecarService: unknown } | null;
}

export interface DescribedCheck extends CheckDescription {
  readonly CheckID: string;
}

export type RegisteredService =
  | {
      readonly ok: true;
      readonly service: LocalService;
      readonly checks: readonly CheckDefinition[];
    }
  | {
      readonly ok: false;
      readonly texts: readonly string[];
      /** Whether the texts stand alone, are joined into one, or are the agent's fault. */
      readonly form: 'plain' | 'joined' | 'server error';
    };

const WEIGHT_MAX = 65_535;
const STATUSES: ReadonlySet<string> = new Set(['', 'passing', 'warning', 'critical']);

export function registeredService(body: ServiceDescription, token: string): RegisteredService {
  const plain = plainComplaint(body);
  if (plain !== null) return { ok: false, texts: [plain], form: 'plain' };
  const service = nodeService(body);
  const complaints = serviceComplaints(service);
  if (complaints.length > 0) return { ok: false, texts: complaints, form: 'joined' };
  if (sidecarOf(body) !== null) {
    const text = 'SidecarService is not supported by this agent: register the proxy itself';
    return { ok: false, texts: [text], form: 'plain' };
  }
  const described = [...(body.Checks ?? []), ...(body.Check === null ? [] : [body.Check])];
  const badCheck = checksComplaint(described);
  if (badCheck !== null) return { ok: false, texts: [badCheck], form: 'plain' };
  const badAddress = taggedAddressComplaint(body.TaggedAddresses);
  if (badAddress !== null) return { ok: false, texts: [badAddress], form: 'server error' };
  const own = { service, token: token || body.Token };
  return { ok: true, service: own, checks: checkDefinitions(described, own) };
}

function plainComplaint(body: ServiceDescription): string | null {
  if (body.Name === '') return 'Missing service name';
  if (isAnyAddress(body.Address)) return 'Invalid service address';
  const weights = body.Weights === null ? null : weightsComplaint(body.Weights);
  if (weights !== null) return `Invalid Weights: ${weights}`;
  const meta = serviceMetaComplaint(body.Kind, body.Meta);
  return meta === null ? null : `Invalid Service Meta: ${meta}`;
}

function weightsComplaint({ Passing, Warning }: Weights): string | null {
  if (Passing < 1) return 'Passing must be greater than 0';
  if (Warning < 0) return 'Warning must be greater or equal than 0';
  return Passing > WEIGHT_MAX || Warning > WEIGHT_MAX
    ? `DNS Weight must be between 0 and ${WEIGHT_MAX}`
    : null;
}

function sidecarOf(body: ServiceDescription): unknown {
  return body.Connect?.SidecarService ?? null;
}

function nodeService(body: ServiceDescription): NodeService {
  return {
    Kind: body.Kind,
    ID: body.ID || body.Name,
    Service: body.Name,
    Tags: body.Tags,
    Address: body.Address,
    TaggedAddresses: taggedAddresses(body),
    Meta: body.Meta,
    Port: body.Port,
    Weights: body.Weights ?? { Passing: 1, Warning: 1 },
    EnableTagOverride: body.EnableTagOverride,
    Proxy: body.Proxy ?? ConnectProxyConfig.zero(),
    Connect: { Native: body.Connect?.Native ?? false, SidecarService: null },
    LocallyRegisteredAsSidecar: false,
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

/** An IP address is also told under the tags of its family, unless they are given. */
function taggedAddresses(body: ServiceDescription): NodeService['TaggedAddresses'] {
  const family = ipFamily(body.Address);
  if (family === 0) return body.TaggedAddresses;
  const own = { Address: body.Address, Port: body.Port };
  return { [`lan_ipv${family}`]: own, [`wan_ipv${family}`]: own, ...body.TaggedAddresses };
}

function taggedAddressComplaint(
  tagged: Readonly<Record<string, ServiceAddress>> | null,
): string | null {
  for (const [tag, { Address }] of Object.entries(tagged ?? {})) {
    const family = /^(?:lan|wan)_ipv([46])$/.exec(tag)?.[1];
    if (family !== undefined && ipFamily(Address) !== Number(family)) {
      return `Service tagged address ${JSON.stringify(tag)} must be a valid ipv${family} address`;
    }
    if (isAnyAddress(Address)) {
      return `Service tagged address ${JSON.stringify(tag)} must not be a zero address`;
    }
  }
  return null;
}

function checksComplaint(checks: readonly DescribedCheck[]): string | null {
  for (const check of checks) {
    const complaint = checkComplaint(check);
    if (complaint !== null) return `Invalid check: ${complaint}`;
    if (!STATUSES.has(check.Status)) {
      return "Status for checks must 'passing', 'warning', 'critical'";
    }
  }
  return null;
}

/** Ids are `service:<id>`, numbered from 1 when there are several. */
function checkDefinitions(
  described: readonly DescribedCheck[],
  { service, token }: LocalService,
): CheckDefinition[] {
  return described.map((check, position) => {
    const number = described.length > 1 ? `:${position + 1}` : '';
    return checkDefinition(check, {
      id: check.CheckID || `service:${service.ID}${number}`,
      name: check.Name || `Service '${service.Service}' check`,
      serviceId: service.ID,
      token,
    });
  });
}
