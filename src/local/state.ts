/**
 * The agent's services and checks with what is known of the catalog's copy, and the pure steps that
 * change them. Entries are immutable: whoever pushed an entry can tell whether it is still the same.
 */

import { HealthCheck } from '../model/health-check.ts';
import { aliasResult } from './alias.ts';
import type { CheckDefinition, LocalCheck, LocalService, LocalView } from './definitions.ts';

/**
 * `pending`: the catalog must be written. `removed`: it is gone here and must go there.
 * `output waits`: only the output differs, which is not worth a write yet.
 */
export type SyncState = 'synced' | 'pending' | 'removed' | 'output waits';

export interface ServiceEntry {
  /** `null` when only the catalog has it. */
  readonly local: LocalService | null;
  readonly sync: SyncState;
  readonly token: string;
}

export interface CheckEntry {
  readonly local: LocalCheck | null;
  readonly sync: SyncState;
  readonly token: string;
}

export interface LocalState {
  readonly node: string;
  readonly services: ReadonlyMap<string, ServiceEntry>;
  readonly checks: ReadonlyMap<string, CheckEntry>;
  readonly nodeSynced: boolean;
}

export function emptyLocalState(node: string): LocalState {
  return { node, services: new Map(), checks: new Map(), nodeSynced: false };
}

/** What readers see: what is registered here. */
export function localView(state: LocalState): LocalView {
  const services = new Map<string, LocalService>();
  const checks = new Map<string, LocalCheck>();
  for (const [id, { local }] of state.services) if (local !== null) services.set(id, local);
  for (const [id, { local }] of state.checks) if (local !== null) checks.set(id, local);
  return { services, checks };
}

/** A new status or output of a check. */
export interface CheckResult {
  readonly id: string;
  readonly status: string;
  readonly output: string;
}

export function withService(
  state: LocalState,
  service: LocalService,
  definitions: readonly CheckDefinition[],
  others: 'keep' | 'replace',
): LocalState {
  const { ID } = service.service;
  const services = new Map(state.services);
  services.set(ID, { local: service, sync: 'pending', token: service.token });
  let next: LocalState = { ...state, services };
  for (const definition of definitions) next = withCheck(next, definition);
  if (others === 'replace') {
    const kept = new Set(definitions.map((definition) => definition.id));
    for (const id of checksOfService(next, ID)) if (!kept.has(id)) next = withoutCheck(next, id);
  }
  return withAliases(next);
}

/** Also takes its checks away. Unchanged when there is no such service. */
export function withoutService(state: LocalState, id: string): LocalState {
  const entry = state.services.get(id);
  if (entry === undefined || entry.local === null) return state;
  let next = state;
  for (const checkId of checksOfService(state, id)) next = withoutCheck(next, checkId);
  const services = new Map(next.services);
  services.set(id, { local: null, sync: 'removed', token: entry.token });
  return withAliases({ ...next, services });
}

/** Ids of the checks that belong to a service. */
export function checksOfService(state: LocalState, serviceId: string): readonly string[] {
  return [...state.checks]
    .filter(([, { local }]) => local?.definition.serviceId === serviceId)
    .map(([id]) => id);
}

/** Adds or replaces a check; one of the same id keeps its status and output. */
export function withCheck(state: LocalState, definition: CheckDefinition): LocalState {
  const before = state.checks.get(definition.id)?.local ?? null;
  const service = state.services.get(definition.serviceId)?.local?.service;
  const keeps = before !== null && before.definition.run.kind === definition.run.kind;
  const check = HealthCheck.of({
    Node: state.node,
    CheckID: definition.id,
    Name: definition.name,
    Status: keeps ? before.check.Status : definition.status,
    Notes: definition.notes,
    Output: keeps ? before.check.Output : '',
    ServiceID: definition.serviceId,
    ServiceName: service?.Service ?? '',
    ServiceTags: service?.Tags ?? null,
    Type: definition.run.kind,
  });
  const checks = new Map(state.checks);
  const token = definition.token || (state.services.get(definition.serviceId)?.token ?? '');
  checks.set(definition.id, { local: { check, definition }, sync: 'pending', token });
  return withAliases({ ...state, checks });
}

export function withoutCheck(state: LocalState, id: string): LocalState {
  const entry = state.checks.get(id);
  if (entry === undefined || entry.local === null) return state;
  const checks = new Map(state.checks);
  checks.set(id, { local: null, sync: 'removed', token: entry.token });
  return withAliases({ ...state, checks });
}

/** Takes results in; those of checks that are gone, or that say nothing new, change nothing. */
export function withResults(state: LocalState, results: readonly CheckResult[]): LocalState {
  const next = withOwnResults(state, results);
  return next === state ? state : withAliases(next);
}

function withOwnResults(state: LocalState, results: readonly CheckResult[]): LocalState {
  const checks = new Map(state.checks);
  let changed = false;
  for (const { id, status, output } of results) {
    const entry = checks.get(id);
    const local = entry?.local;
    if (entry === undefined || local === null || local === undefined) continue;
    const { check } = local;
    if (check.Status === status && check.Output === output) continue;
    changed = true;
    const onlyOutput = check.Status === status && entry.sync !== 'pending';
    checks.set(id, {
      ...entry,
      local: { ...local, check: { ...check, Status: status, Output: output } },
      sync: onlyOutput ? 'output waits' : 'pending',
    });
  }
  return changed ? { ...state, checks } : state;
}

/** The outputs that waited long enough are written now. */
export function withDueOutputs(state: LocalState): LocalState {
  const checks = new Map(state.checks);
  for (const [id, entry] of checks) {
    if (entry.sync === 'output waits') checks.set(id, { ...entry, sync: 'pending' });
  }
  return { ...state, checks };
}

/** Brings alias checks to the state of what they stand for. */
function withAliases(state: LocalState): LocalState {
  const results: CheckResult[] = [];
  for (const [id, { local }] of state.checks) {
    if (local === null || local.definition.run.kind !== 'alias') continue;
    if (local.definition.run.node !== '' && local.definition.run.node !== state.node) continue;
    results.push({ id, ...aliasResult(state, id, local.definition.run.service) });
  }
  return results.length === 0 ? state : withOwnResults(state, results);
}

/** Whether anything waits to be written. */
export function isDirty(state: LocalState): boolean {
  if (!state.nodeSynced) return true;
  const waits = ({ sync }: { readonly sync: SyncState }): boolean =>
    sync === 'pending' || sync === 'removed';
  return [...state.services.values()].some(waits) || [...state.checks.values()].some(waits);
}
