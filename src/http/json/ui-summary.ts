/** Summaries of services as JSON. */

import type { IntentionDecisionSummary } from '../../model/topology.ts';
import type { ServiceSummary } from '../ui-summary.ts';
import { bool, int, list, object, omit, str } from './output.ts';

const summaryFields = {
  Kind: omit(str),
  Name: str,
  Datacenter: str,
  Tags: list(str, 'null'),
  Nodes: list(str, 'null'),
  ExternalSources: list(str, 'null'),
  InstanceCount: int,
  ChecksPassing: int,
  ChecksWarning: int,
  ChecksCritical: int,
  GatewayConfig: object<ServiceSummary['GatewayConfig']>({
    AssociatedServiceCount: omit(int),
    Addresses: omit(list(str)),
  }),
};

export const serviceSummaryJson = object<ServiceSummary>(summaryFields);

export interface ListedService extends ServiceSummary {
  readonly ConnectedWithProxy: boolean;
  readonly ConnectedWithGateway: boolean;
}

export const listedServiceJson = object<ListedService>({
  ...summaryFields,
  ConnectedWithProxy: bool,
  ConnectedWithGateway: bool,
});

export interface LinkedService extends ServiceSummary {
  readonly Intention: IntentionDecisionSummary;
}

const linkedServicesJson = list(
  object<LinkedService>({
    ...summaryFields,
    Intention: object<IntentionDecisionSummary>({
      Allowed: bool,
      HasPermissions: bool,
      ExternalSource: str,
      HasExact: bool,
    }),
  }),
);

export interface ShownTopology {
  readonly Protocol: string;
  readonly Upstreams: readonly LinkedService[];
  readonly Downstreams: readonly LinkedService[];
  readonly FilteredByACLs: boolean;
}

export const topologyJson = object<ShownTopology>({
  Protocol: str,
  Upstreams: linkedServicesJson,
  Downstreams: linkedServicesJson,
  FilteredByACLs: bool,
});
