/** Writes of Connect's certificate authority. */

import type { CAConfiguration, CAConsulProviderState, CARoot } from '../../model/connect-ca.ts';
import { caConfigTable, caProviderStatesTable, caRootsTable, SINGLE_KEY } from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { refuse } from './errors.ts';

/** The row that serial numbers of the built-in provider are drawn from. */
const SERIAL_ROW = 'connect-ca-builtin-serial';

/** Replaces all roots if `index` is that of the table; false otherwise. */
export function setRootsCas(tx: Transaction, index: number, roots: readonly CARoot[]): boolean {
  if (roots.filter((root) => root.Active).length !== 1) {
    refuse('there must be exactly one active CA');
  }
  if ((tx.indexRow(caRootsTable.name) ?? 0) !== index) return false;
  if (roots.some((root) => root.ID === '')) refuse('Missing CA Root ID');
  const before = new Map(tx.scan(caRootsTable, '').map((root) => [root.ID, root]));
  for (const id of before.keys()) tx.remove(caRootsTable, id);
  for (const root of roots) {
    const CreateIndex = before.get(root.ID)?.CreateIndex ?? tx.index;
    tx.put(caRootsTable, { ...root, CreateIndex, ModifyIndex: tx.index });
  }
  tx.bump(caRootsTable.name);
  return true;
}

/** An empty cluster ID keeps the one there is. */
export function setConfig(tx: Transaction, config: CAConfiguration, index = tx.index): void {
  const before = tx.first(caConfigTable, SINGLE_KEY);
  tx.put(caConfigTable, {
    ...config,
    ClusterID: config.ClusterID === '' ? (before?.ClusterID ?? '') : config.ClusterID,
    CreateIndex: before?.CreateIndex ?? index,
    ModifyIndex: index,
  });
}

export function setConfigCas(tx: Transaction, config: CAConfiguration, index = tx.index): boolean {
  const before = tx.first(caConfigTable, SINGLE_KEY);
  if ((before?.ModifyIndex ?? 0) !== config.ModifyIndex) return false;
  setConfig(tx, config, index);
  return true;
}

export function setProviderState(tx: Transaction, state: CAConsulProviderState): boolean {
  const before = tx.first(caProviderStatesTable, state.ID);
  const CreateIndex = before?.CreateIndex ?? tx.index;
  tx.put(caProviderStatesTable, { ...state, CreateIndex, ModifyIndex: tx.index });
  tx.bump(caProviderStatesTable.name);
  return true;
}

export function deleteProviderState(tx: Transaction, id: string): void {
  if (tx.remove(caProviderStatesTable, id)) tx.bump(caProviderStatesTable.name);
}

/** The next serial number. The first follows the index of the provider's table. */
export function incrementSerial(tx: Transaction): number {
  const last = tx.indexRow(SERIAL_ROW) ?? tx.indexRow(caProviderStatesTable.name) ?? 0;
  tx.setIndexRow(SERIAL_ROW, last + 1);
  return last + 1;
}
