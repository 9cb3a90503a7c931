/** Inputs that leave a raft node in its phase: nearly all that there are. */

import type { SnapshotFrom } from 'xstate';
import type { ShortStep } from '../short-way.ts';
import type { Input } from './node.ts';
import type { RaftContext, RaftEvent, raftMachine } from './raft.ts';
import { phaseOf, stepNode } from './step.ts';

/** What the chart answers by itself, whatever the node; and all that xstate tells it. */
const NOT_A_STEP: ReadonlySet<string> = new Set<Exclude<RaftEvent, Input>['type']>([
  'raft.accepted',
  'raft.stop',
  'shutdown',
  'storage.opened',
  'storage.unreadable',
]);

/** What an input does that leaves the chart where it is. */
export function unmoved(
  { status, context }: SnapshotFrom<typeof raftMachine>,
  event: RaftEvent,
): ShortStep<RaftContext> | undefined {
  const { self, settings, seed, node: before } = context;
  if (status !== 'active' || before === undefined || !isInput(event)) return undefined;
  const { node, effects } = stepNode(before, event);
  if (phaseOf(node) !== phaseOf(before)) return undefined;
  return {
    context: { self, settings, seed, node, effects },
    orders: [{ type: 'carryOut', params: { effects } }],
  };
}

function isInput(event: RaftEvent): event is Input {
  return !NOT_A_STEP.has(event.type) && !event.type.startsWith('xstate.');
}
