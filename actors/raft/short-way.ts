/**
 * The short way through the chart of a raft node. Nearly every step leaves the node where the chart
 * has it: then the chart would take the step, run the one action and stay, and finding that out
 * costs more than the step does. Whatever moves in the chart goes the whole way.
 */

import type { Input } from '../../machines/raft/node.ts';
import type { RaftEvent, raftMachine } from '../../machines/raft/raft.ts';
import { phaseOf, stepNode } from '../../machines/raft/step.ts';

type RaftLogic = typeof raftMachine;
type Snapshot = ReturnType<RaftLogic['transition']>;

/** What the chart answers by itself, whatever the node; and all that xstate tells it. */
const NOT_A_STEP: ReadonlySet<string> = new Set<Exclude<RaftEvent, Input>['type']>([
  'raft.accepted',
  'raft.stop',
  'shutdown',
  'storage.opened',
  'storage.unreadable',
]);

/** `machine`, with actions provided, and the same to whoever looks on. */
export function withShortWay(machine: RaftLogic): RaftLogic {
  const { carryOut } = machine.implementations.actions;
  if (typeof carryOut !== 'function') throw new Error('raft effects are not carried out');
  const transition: RaftLogic['transition'] = (snapshot, event, scope) =>
    shortStep(carryOut as CarryOut, snapshot, event, scope) ??
    machine.transition(snapshot, event, scope);
  const provide: RaftLogic['provide'] = (implementations) =>
    withShortWay(machine.provide(implementations));
  const own = Object.create(machine) as RaftLogic;
  Object.defineProperties(own, { transition: { value: transition }, provide: { value: provide } });
  return own;
}

type CarryOut = (
  scope: object,
  params: { readonly effects: NonNullable<Snapshot['context']>['effects'] },
) => void;

/**
 * `undefined` when the chart has a say. The step is pure: it may be taken once more by the chart.
 */
function shortStep(
  carryOut: CarryOut,
  snapshot: Snapshot,
  event: RaftEvent,
  { self, system }: Parameters<RaftLogic['transition']>[2],
): Snapshot | undefined {
  const { node: before } = snapshot.context;
  const step = snapshot.status === 'active' && before !== undefined && isInput(event);
  if (!step) return undefined;
  const { node, effects } = stepNode(before, event);
  if (phaseOf(node) !== phaseOf(before)) return undefined;
  const { self: raftSelf, settings, seed } = snapshot.context;
  const context = { self: raftSelf, settings, seed, node, effects };
  carryOut({ context, event, self, system }, { effects });
  return { ...snapshot, context };
}

function isInput(event: RaftEvent): event is Input {
  return !NOT_A_STEP.has(event.type) && !event.type.startsWith('xstate.');
}
