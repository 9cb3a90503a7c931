/** Keys and index rows that the writes of several tables share. */

import { kindRowName, onNode, serviceRowName } from '../index-rows.ts';
import { compoundKey, nameKey } from '../table.ts';
import { servicesTable } from '../tables.ts';
import type { Transaction } from '../transaction.ts';

export function serviceKey(node: string, serviceId: string): string {
  return compoundKey(nameKey(node), nameKey(serviceId));
}

export function checkKey(node: string, checkId: string): string {
  return compoundKey(nameKey(node), nameKey(checkId));
}

/** Moves the rows of all services on a node. */
export function bumpServicesOfNode(tx: Transaction, node: string): void {
  for (const { service } of tx.scan(servicesTable, onNode(node))) {
    tx.bump(serviceRowName(service.Service), kindRowName(service.Kind));
  }
}
