/** Reads of checks, and of instances with their checks. */

import type { CheckServiceNode, NodeInfo, ServiceInfo } from '../../model/catalog.ts';
import { HEALTH_ANY, type HealthCheck } from '../../model/health-check.ts';
import type { Indexed } from '../blocking-query.ts';
import { kindRowName, maxIndex, onNode, serviceRowName } from '../index-rows.ts';
import { compoundKey, nameKey } from '../table.ts';
import { checksTable, nodesTable, type ServiceRow, servicesTable } from '../tables.ts';
import type { StoreReader } from '../view.ts';
import { hasMeta, nodeByName, type ServiceNodesOptions, serviceRows } from './catalog.ts';

type TextMap = Readonly<Record<string, string>>;

/** Instances of a service, each with its node and the checks of both. */
export function checkServiceNodes(
  reader: StoreReader,
  options: ServiceNodesOptions & { readonly nodeMeta?: TextMap | null },
): Indexed<readonly CheckServiceNode[]> {
  const { index, rows } = serviceRows(reader, options, 'health');
  const result = withChecks(reader.unwatched, rows).filter((entry) =>
    hasMeta(entry.Node?.Meta ?? null, options.nodeMeta),
  );
  return { index, result };
}

/** Rows with their nodes and checks: those of the node first, then those of the instance. */
export function withChecks(reader: StoreReader, rows: readonly ServiceRow[]): CheckServiceNode[] {
  const result: CheckServiceNode[] = [];
  for (const row of rows) {
    const node = nodeByName(reader, row.node);
    if (node === undefined) continue;
    const checks = [
      ...checksOf(reader, row.node, ''),
      ...checksOf(reader, row.node, row.service.ID),
    ];
    result.push({ Node: node, Service: row.service, Checks: checks });
  }
  return result;
}

/** Checks of one instance, or of the node itself when `serviceId` is empty. */
export function checksOf(reader: StoreReader, node: string, serviceId: string): HealthCheck[] {
  const key = compoundKey(nameKey(node), nameKey(serviceId));
  return reader.lookup(checksTable.by.nodeService, key);
}

/** All checks on a node, its services' included. */
export function nodeChecks(reader: StoreReader, node: string): Indexed<readonly HealthCheck[]> {
  const result = reader.scan(checksTable, onNode(node));
  return { index: maxIndex(reader.unwatched, checksTable.name), result };
}

/** Checks of a service's instances. */
export function serviceChecks(
  reader: StoreReader,
  service: string,
  options: { readonly nodeMeta?: TextMap | null } = {},
): Indexed<readonly HealthCheck[]> {
  const filtered = options.nodeMeta && Object.keys(options.nodeMeta).length > 0;
  const checks = reader.lookup(checksTable.by.service, nameKey(service));
  if (!filtered) return { index: maxIndex(reader.unwatched, checksTable.name), result: checks };
  const index = maxIndex(reader, serviceRowName(service));
  return { index, result: ofNodesWith(reader.unwatched, checks, options.nodeMeta) };
}

/** Checks in a state; `any` is every one. */
export function checksInState(
  reader: StoreReader,
  state: string,
  options: { readonly nodeMeta?: TextMap | null } = {},
): Indexed<readonly HealthCheck[]> {
  const checks =
    state === HEALTH_ANY
      ? reader.scan(checksTable, '')
      : reader.lookup(checksTable.by.status, state);
  const filtered = options.nodeMeta && Object.keys(options.nodeMeta).length > 0;
  if (!filtered) return { index: maxIndex(reader.unwatched, checksTable.name), result: checks };
  const index = Math.max(
    maxIndex(reader.unwatched, checksTable.name),
    maxIndex(reader, nodesTable.name),
  );
  return { index, result: ofNodesWith(reader.unwatched, checks, options.nodeMeta) };
}

/** A node with everything on it; empty when there is none. */
export function nodeInfo(reader: StoreReader, node: string): Indexed<readonly NodeInfo[]> {
  const row = nodeByName(reader, node);
  const index = maxIndex(reader.unwatched, nodesTable.name, servicesTable.name, checksTable.name);
  return { index, result: row === undefined ? [] : [infoOf(reader, row.Node)] };
}

/** All nodes with everything on them. */
export function nodeDump(reader: StoreReader): Indexed<readonly NodeInfo[]> {
  const index = maxIndex(reader, nodesTable.name, servicesTable.name, checksTable.name);
  const nodes = reader.unwatched.scan(nodesTable, '');
  return { index, result: nodes.map((node) => infoOf(reader.unwatched, node.Node)) };
}

function infoOf(reader: StoreReader, name: string): NodeInfo {
  const node = nodeByName(reader, name);
  return {
    ID: node?.ID ?? '',
    Node: node?.Node ?? name,
    Address: node?.Address ?? '',
    TaggedAddresses: node?.TaggedAddresses ?? null,
    Meta: node?.Meta ?? null,
    Services: reader.scan(servicesTable, onNode(name)).map((row) => row.service),
    Checks: reader.scan(checksTable, onNode(name)),
  };
}

/** Every instance with node and checks. */
export function serviceDump(reader: StoreReader): Indexed<readonly ServiceInfo[]> {
  const index = maxIndex(reader, nodesTable.name, servicesTable.name, checksTable.name);
  const quiet = reader.unwatched;
  const result = withChecks(quiet, quiet.scan(servicesTable, '')).map(
    (entry): ServiceInfo => ({ ...entry, GatewayService: null }),
  );
  return { index, result };
}

/** Every instance of a kind (`''` is the typical one) with node and checks. */
export function serviceDumpByKind(
  reader: StoreReader,
  kind: string,
): Indexed<readonly CheckServiceNode[]> {
  const index = maxIndex(reader, kindRowName(kind));
  const rows = reader.unwatched.lookup(servicesTable.by.kind, kind);
  return { index, result: withChecks(reader.unwatched, rows) };
}

function ofNodesWith(
  reader: StoreReader,
  checks: readonly HealthCheck[],
  nodeMeta: TextMap | null | undefined,
): HealthCheck[] {
  return checks.filter((check) => hasMeta(nodeByName(reader, check.Node)?.Meta ?? null, nodeMeta));
}
