/** The tables of the state store: their rows, keys and lookups. */

import type { ACLAuthMethod, ACLBindingRule, ACLPolicy, ACLRole, ACLToken } from '../model/acl.ts';
import type { Node, NodeService } from '../model/catalog.ts';
import type { ConfigEntryRow } from '../model/config-entry.ts';
import type { CAConfiguration, CAConsulProviderState, CARoot } from '../model/connect-ca.ts';
import type { Coordinate } from '../model/coordinate.ts';
import type { FederationState } from '../model/federation-state.ts';
import type { HealthCheck } from '../model/health-check.ts';
import type { Intention } from '../model/intention.ts';
import type { DirEntry } from '../model/kv.ts';
import type { AutopilotConfig } from '../model/operator.ts';
import type { PreparedQuery } from '../model/prepared-query.ts';
import type { Session } from '../model/session.ts';
import type { SystemMetadataEntry } from '../model/system-metadata.ts';
import { packedEntries } from './packed-entry.ts';
import { compoundKey, Layout, nameKey } from './table.ts';

export const layout = new Layout();

/** A service instance with the name of its node. */
export interface ServiceRow {
  readonly node: string;
  readonly service: NodeService;
}

/** What remains of a deleted key (or prefix), for the index of lists. */
export interface Tombstone {
  readonly key: string;
  readonly index: number;
}

/** A session bound to a check of its node. */
export interface SessionCheck {
  readonly node: string;
  readonly checkId: string;
  readonly session: string;
}

/** An index row: the Raft index at which something last changed. */
export interface IndexRow {
  readonly name: string;
  readonly value: number;
}

/** The key of the only row of a table that has one. */
export const SINGLE_KEY = '';

export const indexTable = layout.table<IndexRow>('index', (row) => nameKey(row.name));

export const nodesTable = layout.table<Node, 'uuid'>('nodes', (row) => nameKey(row.Node), {
  uuid: (row) => (row.ID === '' ? [] : [nameKey(row.ID)]),
});

export const servicesTable = layout.table<ServiceRow, 'name' | 'connect' | 'kind'>(
  'services',
  (row) => compoundKey(nameKey(row.node), nameKey(row.service.ID)),
  {
    name: (row) => [nameKey(row.service.Service)],
    connect: connectKeys,
    kind: (row) => [row.service.Kind],
  },
);

function connectKeys({ service }: ServiceRow): readonly string[] {
  if (service.Kind === 'connect-proxy') return [nameKey(service.Proxy.DestinationServiceName)];
  return service.Connect.Native ? [nameKey(service.Service)] : [];
}

export const checksTable = layout.table<
  HealthCheck,
  'service' | 'status' | 'nodeService' | 'serviceChecksOfNode'
>('checks', (row) => compoundKey(nameKey(row.Node), nameKey(row.CheckID)), {
  service: (row) => (row.ServiceID === '' ? [] : [nameKey(row.ServiceName)]),
  status: (row) => [row.Status],
  /** Of one instance, or with an empty service ID of the node itself. */
  nodeService: (row) => [compoundKey(nameKey(row.Node), nameKey(row.ServiceID))],
  serviceChecksOfNode: (row) => (row.ServiceID === '' ? [] : [nameKey(row.Node)]),
});

export const kvsTable = layout.table<DirEntry, 'session'>(
  'kvs',
  (row) => row.Key,
  { session: (row) => (row.Session === '' ? [] : [row.Session]) },
  packedEntries,
);

export const tombstonesTable = layout.table<Tombstone>('tombstones', (row) => row.key);

export const sessionsTable = layout.table<Session, 'node'>('sessions', (row) => nameKey(row.ID), {
  node: (row) => [nameKey(row.Node)],
});

export const sessionChecksTable = layout.table<SessionCheck, 'session'>(
  'session_checks',
  (row) => compoundKey(nameKey(row.node), nameKey(row.checkId), row.session),
  { session: (row) => [row.session] },
);

export const coordinatesTable = layout.table<Coordinate>('coordinates', (row) =>
  compoundKey(nameKey(row.Node), row.Segment),
);

export const federationStatesTable = layout.table<FederationState>('federation-states', (row) =>
  nameKey(row.Datacenter),
);

export const configEntriesTable = layout.table<ConfigEntryRow>('config-entries', (row) =>
  compoundKey(row.Kind, nameKey(row.Name)),
);

export const preparedQueriesTable = layout.table<PreparedQuery, 'name' | 'template' | 'session'>(
  'prepared-queries',
  (row) => nameKey(row.ID),
  {
    name: (row) => (row.Name === '' ? [] : [nameKey(row.Name)]),
    template: (row) => (row.Template.Type === '' ? [] : [nameKey(row.Name)]),
    session: (row) => (row.Session === '' ? [] : [row.Session]),
  },
);

export const autopilotTable = layout.table<AutopilotConfig>('autopilot-config', () => SINGLE_KEY);

export const intentionsTable = layout.table<Intention>('connect-intentions', (row) => row.ID);

export const caRootsTable = layout.table<CARoot>('connect-ca-roots', (row) => row.ID);

export const caProviderStatesTable = layout.table<CAConsulProviderState>(
  'connect-ca-builtin',
  (row) => row.ID,
);

export const caConfigTable = layout.table<CAConfiguration>('connect-ca-config', () => SINGLE_KEY);

export const systemMetadataTable = layout.table<SystemMetadataEntry>('system-metadata', (row) =>
  nameKey(row.Key),
);

export const aclTokensTable = layout.table<ACLToken, 'accessor'>(
  'acl-tokens',
  (row) => row.SecretID,
  { accessor: (row) => (row.AccessorID === '' ? [] : [nameKey(row.AccessorID)]) },
);

export const aclPoliciesTable = layout.table<ACLPolicy, 'name'>(
  'acl-policies',
  (row) => nameKey(row.ID),
  { name: (row) => [nameKey(row.Name)] },
);

export const aclRolesTable = layout.table<ACLRole, 'name'>('acl-roles', (row) => nameKey(row.ID), {
  name: (row) => [nameKey(row.Name)],
});

export const aclBindingRulesTable = layout.table<ACLBindingRule>('acl-binding-rules', (row) =>
  nameKey(row.ID),
);

export const aclAuthMethodsTable = layout.table<ACLAuthMethod>('acl-auth-methods', (row) =>
  nameKey(row.Name),
);
