/** Names of index rows and what is computed from them. */

import { compoundKey, nameKey } from './table.ts';
import { nodesTable, servicesTable } from './tables.ts';
import type { StoreReader } from './view.ts';

/** Moves when the last instance of a service name goes; stands for all names that do not exist. */
export const SERVICE_LAST_EXTINCTION = 'service_last_extinction';

/** The row of a service name. */
export function serviceRowName(service: string): string {
  return `service.${nameKey(service)}`;
}

/** The row of a service kind; `''` is the typical one. */
export function kindRowName(kind: string): string {
  return `service_kind.${kind === '' ? 'typical' : kind}`;
}

/** The highest of some index rows; those that do not exist count as 0. */
export function maxIndex(reader: StoreReader, ...names: readonly string[]): number {
  let highest = 0;
  for (const name of names) highest = Math.max(highest, reader.indexRow(name) ?? 0);
  return highest;
}

/** Tables that stand for a service that does not exist, as long as none ever went. */
export type MissingServiceTables = 'catalog' | 'health';

/**
 * Index of what is asked about one service name. An existing service has its own row; a missing one
 * has the index of the last extinction, or before any the highest of the tables.
 */
export function serviceIndex(
  reader: StoreReader,
  service: string,
  exists: boolean,
  tables: MissingServiceTables,
): number {
  const own = reader.indexRow(serviceRowName(service));
  if (exists && own !== undefined) return own;
  const extinction = reader.indexRow(SERVICE_LAST_EXTINCTION);
  if (extinction !== undefined && !exists) return extinction;
  return tables === 'catalog'
    ? maxIndex(reader, nodesTable.name, servicesTable.name)
    : maxIndex(reader, nodesTable.name, servicesTable.name, 'checks');
}

/** Prefix of the keys of everything on a node. */
export function onNode(node: string): string {
  return compoundKey(nameKey(node), '');
}
