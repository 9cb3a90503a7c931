/** The disk of a modelled server. */

import type { Effect, HardState } from '../../../machines/raft/node.ts';
import type { LogEntry } from '../../../src/wire/raft/log-entry.ts';
import type { ModelSnapshot } from './model-wire.ts';

export type Persist = Extract<Effect, { type: 'persist' }>;

/** What survives a crash. */
export interface ModelDisk {
  hardState: HardState;
  entries: LogEntry[];
  snapshots: ModelSnapshot[];
}

export function emptyDisk(): ModelDisk {
  return { hardState: { term: 0, votedFor: '' }, entries: [], snapshots: [] };
}

/** Carries out one effect. */
export function write(disk: ModelDisk, effect: Persist): void {
  if (effect.hardState !== undefined) disk.hardState = effect.hardState;
  if (effect.reset !== undefined) disk.entries = [];
  const first = effect.entries?.[0]?.Index;
  if (first === undefined) return;
  disk.entries = disk.entries.filter((entry) => entry.Index < first);
  disk.entries.push(...(effect.entries ?? []));
}
