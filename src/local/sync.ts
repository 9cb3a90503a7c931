/**
 * Anti-entropy between the agent and the catalog's copy of its services and checks. The agent is
 * right: what differs is written, what it does not know is removed, except the service `consul` and
 * the check `serfHealth`, which the leader keeps.
 */

import {
  DeregisterRequest,
  type Node,
  type NodeService,
  RegisterRequest,
} from '../model/catalog.ts';
import { type HealthCheck, SERF_HEALTH_CHECK_ID } from '../model/health-check.ts';
import { sameValue } from './same-value.ts';
import type { CheckEntry, LocalState, ServiceEntry } from './state.ts';

const CONSUL_SERVICE_ID = 'consul';

/** This node, as the catalog should have it. */
export interface NodeFacts {
  readonly datacenter: string;
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly taggedAddresses: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
  /** For the node's own row. */
  readonly token: string;
}

/** The catalog's copy. */
export interface RemoteCopy {
  readonly node: Node | null;
  readonly services: readonly NodeService[];
  readonly checks: readonly HealthCheck[];
}

/** The state with every entry marked by what the catalog has. */
export function withRemote(state: LocalState, facts: NodeFacts, remote: RemoteCopy): LocalState {
  return {
    ...state,
    nodeSynced: isSameNode(facts, remote.node),
    services: comparedServices(state, remote.services),
    checks: comparedChecks(state, remote.checks),
  };
}

function isSameNode(facts: NodeFacts, node: Node | null): boolean {
  return (
    node !== null &&
    node.ID === facts.id &&
    sameValue(node.TaggedAddresses, facts.taggedAddresses) &&
    sameValue(node.Meta, facts.meta)
  );
}

function comparedServices(
  state: LocalState,
  remote: readonly NodeService[],
): ReadonlyMap<string, ServiceEntry> {
  const services = new Map<string, ServiceEntry>();
  for (const [id, entry] of state.services) {
    // What is gone here and gone there is forgotten.
    if (entry.local !== null) services.set(id, { ...entry, sync: 'pending' });
  }
  for (const copy of remote) {
    const entry = services.get(copy.ID);
    if (entry?.local) services.set(copy.ID, comparedService(entry, copy));
    else if (copy.ID !== CONSUL_SERVICE_ID) {
      const token = state.services.get(copy.ID)?.token ?? '';
      services.set(copy.ID, { local: null, sync: 'removed', token });
    }
  }
  return services;
}

function comparedService(entry: ServiceEntry, copy: NodeService): ServiceEntry {
  const { local } = entry;
  if (local === null) return entry;
  const service = local.service.EnableTagOverride
    ? { ...local.service, Tags: copy.Tags }
    : local.service;
  const same = sameValue(withoutIndexes(service), withoutIndexes(copy));
  return { ...entry, local: { ...local, service }, sync: same ? 'synced' : 'pending' };
}

function comparedChecks(
  state: LocalState,
  remote: readonly HealthCheck[],
): ReadonlyMap<string, CheckEntry> {
  const checks = new Map<string, CheckEntry>();
  for (const [id, entry] of state.checks) {
    if (entry.local !== null) checks.set(id, { ...entry, sync: 'pending' });
  }
  for (const copy of remote) {
    const entry = state.checks.get(copy.CheckID);
    if (entry?.local) checks.set(copy.CheckID, comparedCheck(entry, copy));
    else if (copy.CheckID !== SERF_HEALTH_CHECK_ID) {
      checks.set(copy.CheckID, { local: null, sync: 'removed', token: entry?.token ?? '' });
    }
  }
  return checks;
}

/** While an output waits for its turn, outputs are not compared. */
function comparedCheck(entry: CheckEntry, copy: HealthCheck): CheckEntry {
  const check = entry.local?.check;
  if (check === undefined) return entry;
  const waits = entry.sync === 'output waits';
  const shown = waits ? { ...copy, Output: check.Output } : copy;
  if (!sameValue(withoutIndexes(check), withoutIndexes(shown))) {
    return { ...entry, sync: 'pending' };
  }
  return { ...entry, sync: waits ? 'output waits' : 'synced' };
}

function withoutIndexes<T extends object>(row: T): object {
  return { ...row, CreateIndex: 0, ModifyIndex: 0 };
}

/** One write to the catalog and the entries it carries. */
export type SyncWrite =
  | {
      readonly kind: 'register';
      readonly request: RegisterRequest;
      readonly node: boolean;
      readonly service: { readonly id: string; readonly entry: ServiceEntry } | null;
      readonly checks: readonly { readonly id: string; readonly entry: CheckEntry }[];
    }
  | {
      readonly kind: 'deregister service' | 'deregister check';
      readonly id: string;
      readonly request: DeregisterRequest;
    };

/** What must be written, in order: the node, services with their checks, other checks, removals. */
export function pendingWrites(state: LocalState, facts: NodeFacts): readonly SyncWrite[] {
  const writes: SyncWrite[] = [];
  const left = new Map([...state.checks].filter(([, entry]) => entry.sync === 'pending'));
  const register = registrar(state, facts);
  if (!state.nodeSynced) writes.push(register(null, []));
  for (const [id, entry] of state.services) {
    if (entry.sync !== 'pending' || entry.local === null) continue;
    const own = [...left].filter(
      ([, check]) => check.local?.definition.serviceId === id && check.token === entry.token,
    );
    for (const [checkId] of own) left.delete(checkId);
    writes.push(register({ id, entry }, own));
  }
  for (const check of left) writes.push(register(null, [check]));
  return [...writes, ...removals(state, facts)];
}

function registrar(state: LocalState, facts: NodeFacts) {
  let nodeWritten = state.nodeSynced;
  return (
    service: { readonly id: string; readonly entry: ServiceEntry } | null,
    checks: readonly (readonly [string, CheckEntry])[],
  ): SyncWrite => {
    const node = !nodeWritten;
    nodeWritten = true;
    const rows = checks.flatMap(([, entry]) => (entry.local === null ? [] : [entry.local.check]));
    return {
      kind: 'register',
      node,
      service,
      checks: checks.map(([id, entry]) => ({ id, entry })),
      request: RegisterRequest.of({
        Datacenter: facts.datacenter,
        ID: facts.id,
        Node: facts.name,
        Address: facts.address,
        TaggedAddresses: facts.taggedAddresses,
        NodeMeta: facts.meta,
        Service: service?.entry.local?.service ?? null,
        Check: rows.length === 1 ? (rows[0] ?? null) : null,
        Checks: rows.length > 1 ? rows : null,
        SkipNodeUpdate: !node,
        Token: service?.entry.token ?? checks[0]?.[1].token ?? facts.token,
      }),
    };
  };
}

function removals(state: LocalState, facts: NodeFacts): SyncWrite[] {
  const writes: SyncWrite[] = [];
  const base = { Datacenter: facts.datacenter, Node: facts.name };
  for (const [id, { sync, token }] of state.services) {
    if (sync !== 'removed') continue;
    const request = DeregisterRequest.of({ ...base, ServiceID: id, Token: token });
    writes.push({ kind: 'deregister service', id, request });
  }
  for (const [id, { sync, token }] of state.checks) {
    if (sync !== 'removed') continue;
    const request = DeregisterRequest.of({ ...base, CheckID: id, Token: token });
    writes.push({ kind: 'deregister check', id, request });
  }
  return writes;
}

/** The state after writes succeeded. Entries that changed meanwhile stay as they are. */
export function withWritten(state: LocalState, writes: readonly SyncWrite[]): LocalState {
  const services = new Map(state.services);
  const checks = new Map(state.checks);
  let { nodeSynced } = state;
  for (const write of writes) {
    if (write.kind === 'register') {
      nodeSynced ||= write.node;
      const { service } = write;
      if (service !== null && services.get(service.id) === service.entry) {
        services.set(service.id, { ...service.entry, sync: 'synced' });
      }
      for (const { id, entry } of write.checks) {
        if (checks.get(id) === entry) checks.set(id, { ...entry, sync: 'synced' });
      }
    } else {
      const entries: Map<string, ServiceEntry | CheckEntry> =
        write.kind === 'deregister service' ? services : checks;
      if (entries.get(write.id)?.local === null) entries.delete(write.id);
    }
  }
  return { ...state, services, checks, nodeSynced };
}
