/** Writes of service instances. */

import type { NodeService } from '../../model/catalog.ts';
import { kindRowName, SERVICE_LAST_EXTINCTION, serviceRowName } from '../index-rows.ts';
import { nodeByName } from '../read/catalog.ts';
import { checksOf } from '../read/health.ts';
import { same } from '../same.ts';
import { nameKey } from '../table.ts';
import { checksTable, servicesTable } from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { deleteCheck } from './check.ts';
import { MISSING_NODE, quoted, refuse } from './errors.ts';
import { serviceKey } from './keys.ts';

/** Pairs of service metadata, and sizes in bytes (limits of the protocol). */
const META_PAIRS_MAX = 64;
const META_KEY_BYTES_MAX = 128;
const META_VALUE_BYTES_MAX = 512;
/** Pairs that gateways may have beside their own, for the proxies that need more. */
const META_RESERVED_PREFIX = 'consul-';

const PROXY_KIND = 'connect-proxy';
/** Moves with what proxies say of their upstreams; the relation itself follows from the services. */
const MESH_TOPOLOGY_ROW = 'mesh-topology';

/** The instance as it is kept: with weights, without what only an agent knows. */
export function keptService(service: NodeService): NodeService {
  return {
    ...service,
    Weights: service.Weights ?? { Passing: 1, Warning: 1 },
    LocallyRegisteredAsSidecar: false,
  };
}

/** Inserts or changes an instance; one that is the same already is left alone. */
export function ensureService(tx: Transaction, node: string, given: NodeService): void {
  const before = tx.first(servicesTable, serviceKey(node, given.ID))?.service;
  const service = keptService(given);
  if (nodeByName(tx, node) === undefined) refuse(MISSING_NODE);
  refuseBadMeta(node, service);
  if (before !== undefined && sameService(before, service)) return;
  const row = {
    node,
    service: {
      ...service,
      CreateIndex: before?.CreateIndex ?? tx.index,
      ModifyIndex: tx.index,
    },
  };
  tx.put(servicesTable, row);
  tx.bump(servicesTable.name, serviceRowName(service.Service), kindRowName(service.Kind));
  if (service.Kind === PROXY_KIND && (hasUpstreams(service) || hasUpstreams(before))) {
    tx.bump(MESH_TOPOLOGY_ROW);
  }
  if (before === undefined) return;
  // An ID that gets another name or kind is the end of an instance of the old one.
  if (before.Kind !== service.Kind) tx.bump(kindRowName(before.Kind));
  if (nameKey(before.Service) !== nameKey(service.Service)) leaveName(tx, before.Service);
}

export function sameService(a: NodeService, b: NodeService): boolean {
  const bare = { CreateIndex: 0, ModifyIndex: 0, LocallyRegisteredAsSidecar: false };
  return same({ ...a, ...bare }, { ...b, ...bare });
}

/** Deletes an instance and its checks. An unknown one is fine. */
export function deleteService(tx: Transaction, node: string, serviceId: string): void {
  const key = serviceKey(node, serviceId);
  const row = tx.first(servicesTable, key);
  if (row === undefined) return;
  for (const check of checksOf(tx, node, serviceId)) deleteCheck(tx, node, check.CheckID);
  tx.remove(servicesTable, key);
  tx.bump(checksTable.name, servicesTable.name, kindRowName(row.service.Kind));
  if (row.service.Kind === PROXY_KIND && hasUpstreams(row.service)) tx.bump(MESH_TOPOLOGY_ROW);
  leaveName(tx, row.service.Service);
}

function hasUpstreams(service: NodeService | undefined): boolean {
  return (service?.Proxy.Upstreams ?? []).length > 0;
}

/** Moves the row of a name that lost an instance; the last one takes the row with it. */
function leaveName(tx: Transaction, service: string): void {
  if (tx.lookup(servicesTable.by.name, nameKey(service)).length > 0) {
    tx.bump(serviceRowName(service));
    return;
  }
  tx.removeIndexRow(serviceRowName(service));
  tx.bump(SERVICE_LAST_EXTINCTION);
}

export function ensureServiceCas(
  tx: Transaction,
  index: number,
  node: string,
  service: NodeService,
): boolean {
  const existing = tx.first(servicesTable, serviceKey(node, service.ID))?.service;
  if ((existing?.ModifyIndex ?? 0) !== index) return false;
  ensureService(tx, node, service);
  return true;
}

export function deleteServiceCas(
  tx: Transaction,
  index: number,
  node: string,
  serviceId: string,
): boolean {
  const existing = tx.first(servicesTable, serviceKey(node, serviceId))?.service;
  if (existing === undefined || existing.ModifyIndex !== index) return false;
  deleteService(tx, node, serviceId);
  return true;
}

function refuseBadMeta(node: string, service: NodeService): void {
  const reason = badMeta(service.Meta);
  if (reason !== null) {
    refuse(`Invalid Service Meta for node ${node} and serviceID ${service.ID}: ${reason}`);
  }
}

function badMeta(meta: NodeService['Meta']): string | null {
  if (meta === null) return null;
  const pairs = Object.entries(meta).filter(([key]) => !key.startsWith(META_RESERVED_PREFIX));
  if (pairs.length > META_PAIRS_MAX) {
    return `Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`;
  }
  for (const [key, value] of pairs) {
    const reason = badMetaPair(key, value);
    if (reason !== null) {
      return `Couldn't load metadata pair ('${key}', '${value}'): ${reason}`;
    }
  }
  return null;
}

function badMetaPair(key: string, value: string): string | null {
  if (key === '') return 'Key cannot be blank';
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return 'Key contains invalid characters';
  if (key.length > META_KEY_BYTES_MAX) {
    return `Key is too long (limit: ${META_KEY_BYTES_MAX} characters)`;
  }
  if (Buffer.byteLength(value) > META_VALUE_BYTES_MAX) {
    return `Value is too long (limit: ${META_VALUE_BYTES_MAX} characters)`;
  }
  return null;
}

/** The text for a failed compare-and-set in a transaction. */
export function staleService(verb: 'set' | 'delete', service: NodeService, node: string): string {
  const what = `service ${quoted(service.ID)} on node ${quoted(node)}`;
  return `failed to ${verb} ${what}, index is stale`;
}
