/** What a secondary has to write so that its config entries become those of the primary. */

import { sameValue } from '../local/same-value.ts';
import { type ConfigEntryRow, configEntryFields } from '../model/config-entry.ts';

export interface ConfigReplicationStep {
  readonly op: 'delete' | 'upsert';
  readonly entry: ConfigEntryRow;
}

/**
 * Deletions first. An entry that both have is written when the primary changed it after `lastIndex`
 * and its content differs: indexes are each datacenter's own.
 */
export function configReplicationSteps(
  remote: readonly ConfigEntryRow[],
  local: readonly ConfigEntryRow[],
  lastIndex: number,
): readonly ConfigReplicationStep[] {
  const here = new Map(local.map((entry) => [keyOf(entry), entry]));
  const there = new Set(remote.map(keyOf));
  const gone = local.filter((entry) => !there.has(keyOf(entry)));
  const changed = remote.filter((entry) => {
    const own = here.get(keyOf(entry));
    return own === undefined || (entry.ModifyIndex > lastIndex && !isSame(entry, own));
  });
  return [
    ...gone.map((entry) => ({ op: 'delete', entry }) as const),
    ...changed.map((entry) => ({ op: 'upsert', entry }) as const),
  ];
}

function keyOf(entry: ConfigEntryRow): string {
  return `${entry.Kind}/${entry.Name.toLowerCase()}`;
}

function isSame(a: ConfigEntryRow, b: ConfigEntryRow): boolean {
  const content = (row: ConfigEntryRow) => configEntryFields({ ...row, ...NO_INDEX });
  return sameValue(content(a), content(b));
}

const NO_INDEX = { CreateIndex: 0, ModifyIndex: 0 } as const;
