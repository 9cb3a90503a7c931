/**
 * A leader takes the state of a snapshot from elsewhere, for the whole cluster (hashicorp/raft's
 * user restore). The snapshot is made durable at an index behind the log; then the log becomes
 * nothing but that snapshot, so that all others have to be sent it.
 */

import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import { ENTRY_TYPE } from '../../src/wire/raft/log-entry.ts';
import type { Message, Reply } from '../messages.ts';
import type { LogPoint } from './log-view.ts';
import type { PlacedConfiguration } from './node.ts';
import { leadingFor, newEntry, refuse } from './roles.ts';
import {
  appendEntries,
  committedPlaced,
  latestPlaced,
  note,
  resetLog,
  type Step,
} from './step-base.ts';

/** Stands for a snapshot that nobody sends us, among the tickets of those that are sent. */
const OWN_TICKET = -1;

/** Begins to write the snapshot. Until that is done nothing new is put into the log. */
export function requestRestore(step: Step, order: Message<'snapshot.restore'>): void {
  const { node } = step;
  const { index, size, chunks, reply } = order;
  const leadership = leadingFor(step, [reply]);
  if (leadership === undefined) return;
  const latest = latestPlaced(node);
  const unsettled = leadership.changes.length > 0 || latest.index > node.commitIndex;
  if (unsettled || node.commitIndex < leadership.firstIndex) {
    const text =
      'cannot restore snapshot now, wait until the configuration entry at ' +
      `${latest.index} has been applied (have applied ${node.appliedIndex})`;
    refuse(step, [reply], 'configuration', text);
    return;
  }
  const at = { index: Math.max(index, node.log.lastIndex) + 1, term: node.term };
  node.restoring = reply;
  const configuration = committedPlaced(node);
  step.effects.push({ type: 'snapshot.adopt', at, configuration, size, chunks });
}

/** The snapshot is durable: it becomes the log, unless somebody else leads by now. */
export function snapshotAdopted(
  step: Step,
  at: LogPoint,
  configuration: PlacedConfiguration,
  snapshot: StoredSnapshot,
): void {
  const { node } = step;
  const reply = node.restoring;
  node.restoring = undefined;
  const { leadership } = node;
  if (leadership === undefined || node.term !== at.term || node.log.lastIndex >= at.index) {
    step.effects.push({ type: 'snapshot.drop', snapshot });
    if (reply !== undefined) refuse(step, [reply], 'not-leader');
    return;
  }
  note(step, 'info', 'restoring a snapshot from outside', { index: at.index });
  step.effects.push({ type: 'abandon', error: 'snapshot-restored' });
  resetLog(step, at, configuration);
  node.commitIndex = at.index;
  node.applyingIndex = at.index;
  node.appliedIndex = at.index;
  node.installing = OWN_TICKET;
  leadership.firstIndex = at.index + 1;
  appendEntries(step, [newEntry(node, ENTRY_TYPE.noop, null)]);
  step.effects.push({ type: 'snapshot.load', snapshot, reply });
}

/** The snapshot could not be written. */
export function snapshotNotAdopted(step: Step, error: string): void {
  const { node } = step;
  if (node.restoring !== undefined) refuse(step, [node.restoring], 'storage', error);
  node.restoring = undefined;
}

/** The state machine has the state. What a leader keeps in memory has to be built anew. */
export function snapshotLoaded(step: Step, reply: Reply<null> | undefined): void {
  const { node } = step;
  node.installing = undefined;
  if (node.leadership !== undefined) {
    step.effects.push({ type: 'leadership.lost', term: node.term });
    step.effects.push({ type: 'leadership.gained', term: node.term });
  }
  if (reply === undefined) return;
  step.effects.push({ type: 'settle', reply, after: node.persistIssued });
}
