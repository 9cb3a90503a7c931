/** Writes of federation states. Every write moves the index, changed or not. */

import type { FederationState } from '../../model/federation-state.ts';
import { nameKey } from '../table.ts';
import { federationStatesTable } from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { refuse } from './errors.ts';

/** A `PrimaryModifyIndex` of 0 is a write in the primary: it becomes this write's index. */
export function setFederationState(tx: Transaction, state: FederationState): void {
  if (state.Datacenter === '') refuse('missing datacenter on federation state');
  const before = tx.first(federationStatesTable, nameKey(state.Datacenter));
  tx.put(federationStatesTable, {
    ...state,
    PrimaryModifyIndex: state.PrimaryModifyIndex === 0 ? tx.index : state.PrimaryModifyIndex,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(federationStatesTable.name);
}

/** An unknown datacenter is fine. */
export function deleteFederationState(tx: Transaction, datacenter: string): void {
  if (tx.remove(federationStatesTable, nameKey(datacenter))) tx.bump(federationStatesTable.name);
}
