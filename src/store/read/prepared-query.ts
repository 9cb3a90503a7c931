/** Reads of prepared queries, and which of them a name stands for. */

import type { PreparedQuery } from '../../model/prepared-query.ts';
import { uuidComplaint } from '../../model/uuid.ts';
import { compileTemplate, isTemplate } from '../../prepared-query/template.ts';
import type { Indexed } from '../blocking-query.ts';
import { maxIndex } from '../index-rows.ts';
import { nameKey } from '../table.ts';
import { preparedQueriesTable } from '../tables.ts';
import { StoreError } from '../transaction.ts';
import type { StoreReader } from '../view.ts';

export function preparedQueries(reader: StoreReader): Indexed<readonly PreparedQuery[]> {
  const result = reader.unwatched.scan(preparedQueriesTable, '');
  return { index: maxIndex(reader, preparedQueriesTable.name), result };
}

/** Index: that of the table. */
export function preparedQuery(reader: StoreReader, id: string): Indexed<PreparedQuery | null> {
  const row = reader.first(preparedQueriesTable, nameKey(id));
  return { index: maxIndex(reader.unwatched, preparedQueriesTable.name), result: row ?? null };
}

/**
 * The query of an ID or a name: that of the very ID or name first, else the template with the longest
 * beginning of the name, rendered. Throws a StoreError or a TemplateError.
 */
export function resolvedQuery(
  reader: StoreReader,
  idOrName: string,
  source: { readonly Segment: string },
): PreparedQuery | null {
  if (idOrName === '') throw new StoreError('Missing Query ID');
  const byId =
    uuidComplaint(idOrName) === null
      ? reader.first(preparedQueriesTable, nameKey(idOrName))
      : undefined;
  if (byId !== undefined && isTemplate(byId)) {
    throw new StoreError('prepared query templates can only be resolved up by name, not by ID');
  }
  if (byId !== undefined) return byId;
  const [named] = reader.lookup(preparedQueriesTable.by.name, nameKey(idOrName));
  const found = named ?? templateFor(reader, idOrName);
  if (found === undefined || !isTemplate(found)) return found ?? null;
  return compileTemplate(found).render(idOrName, source);
}

function templateFor(reader: StoreReader, name: string): PreparedQuery | undefined {
  const key = nameKey(name);
  for (let length = key.length; length >= 0; length--) {
    const [found] = reader.lookup(preparedQueriesTable.by.template, key.slice(0, length));
    if (found !== undefined) return found;
  }
  return undefined;
}
