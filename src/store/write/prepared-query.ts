/** Writes of prepared queries. */

import type { PreparedQuery } from '../../model/prepared-query.ts';
import { compileTemplate, isTemplate } from '../../prepared-query/template.ts';
import { TemplateError } from '../../template/values.ts';
import { nameKey, type TableIndex } from '../table.ts';
import { preparedQueriesTable, sessionsTable } from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { quoted, refuse } from './errors.ts';

export function setPreparedQuery(tx: Transaction, query: PreparedQuery): void {
  if (query.ID === '') refuse('Missing Query ID');
  const before = tx.first(preparedQueriesTable, nameKey(query.ID));
  refuseAlias(tx, query);
  if (query.Session !== '' && tx.first(sessionsTable, nameKey(query.Session)) === undefined) {
    refuse(`invalid session ${quoted(query.Session)}`);
  }
  refuseBadTemplate(query);
  tx.put(preparedQueriesTable, {
    ...query,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(preparedQueriesTable.name);
}

function refuseAlias(tx: Transaction, query: PreparedQuery): void {
  const { name, template } = preparedQueriesTable.by;
  if (query.Name === '') {
    if (isTemplate(query) && isTaken(tx, template, query)) {
      refuse('a query template with an empty name already exists');
    }
    return;
  }
  if (isTaken(tx, name, query)) refuse(`name '${query.Name}' aliases an existing query name`);
  if (tx.first(preparedQueriesTable, nameKey(query.Name)) !== undefined) {
    refuse(`name '${query.Name}' aliases an existing query ID`);
  }
}

/** Whether another query is found by this one's name. */
function isTaken(tx: Transaction, index: TableIndex<PreparedQuery>, query: PreparedQuery): boolean {
  return tx
    .lookup(index, nameKey(query.Name))
    .some((other) => nameKey(other.ID) !== nameKey(query.ID));
}

function refuseBadTemplate(query: PreparedQuery): void {
  if (!isTemplate(query)) return;
  try {
    compileTemplate(query);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    refuse(`failed compiling template: ${error.message}`);
  }
}

export function deletePreparedQuery(tx: Transaction, id: string): void {
  if (tx.remove(preparedQueriesTable, nameKey(id))) tx.bump(preparedQueriesTable.name);
}
