/** What the UI shows of the mesh: who is connected to whom, and what stands behind a gateway. */

import { bool, map, pointer, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { QueryMeta } from './blocks.ts';
import { CheckServiceNode, ServiceInfo } from './catalog.ts';

export const IntentionDecisionSummary = struct({
  Allowed: bool,
  HasPermissions: bool,
  ExternalSource: str,
  /** Whether the intention names both services. */
  HasExact: bool,
});
export type IntentionDecisionSummary = TypeOf<typeof IntentionDecisionSummary>;

export const ServiceTopology = struct({
  Upstreams: slice(CheckServiceNode),
  Downstreams: slice(CheckServiceNode),
  /** By the name of the service. */
  UpstreamDecisions: map(IntentionDecisionSummary),
  DownstreamDecisions: map(IntentionDecisionSummary),
  MetricsProtocol: str,
});
export type ServiceTopology = TypeOf<typeof ServiceTopology>;

export const IndexedServiceTopology = struct({
  ServiceTopology: pointer(ServiceTopology),
  FilteredByACLs: bool,
  ...QueryMeta.fields,
});
export type IndexedServiceTopology = TypeOf<typeof IndexedServiceTopology>;

export const IndexedServiceDump = struct({ Dump: slice(ServiceInfo), ...QueryMeta.fields });
export type IndexedServiceDump = TypeOf<typeof IndexedServiceDump>;
