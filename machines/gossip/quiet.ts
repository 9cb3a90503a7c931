/**
 * The short way for events that change a pool's table and nothing of its life: nearly all that there
 * are. The chart answers each of them with one and the same transition, from a state to itself; to
 * find that transition costs several times what the table's step costs, and members are told some
 * thirty times a second when the pool is busy.
 */

import type { AnyActorScope, SnapshotFrom } from 'xstate';
import {
  isTableTraffic,
  type PoolMachineEvent,
  type PoolOrder,
  type poolMachine,
  stepTable,
} from './pool.ts';
import type { PoolState } from './state.ts';
import { hasCompany } from './step.ts';

type PoolMachine = typeof poolMachine;
type Snapshot = SnapshotFrom<PoolMachine>;

/** The state of a present node that its table asks for: where the chart comes to rest. */
function standing(pool: PoolState): 'alone' | 'joining' | 'together' {
  if (pool.joins.size > 0) return 'joining';
  return hasCompany(pool) ? 'together' : 'alone';
}

/** The same machine, by a shorter way where the chart would stay where it is. */
export function quickened(machine: PoolMachine): PoolMachine {
  const logic = Object.create(machine) as PoolMachine;
  const transition: PoolMachine['transition'] = (snapshot, event, scope) =>
    quietly(machine, snapshot, event, scope) ?? machine.transition(snapshot, event, scope);
  Object.defineProperty(logic, 'transition', { value: transition });
  return logic;
}

/** The next snapshot of an event that leaves the chart where it is; null when it has to be asked. */
function quietly(
  machine: PoolMachine,
  snapshot: Snapshot,
  event: PoolMachineEvent,
  scope: AnyActorScope,
): Snapshot | null {
  const { value, context } = snapshot;
  if (typeof value === 'string' || !('present' in value) || !isTableTraffic(event)) return null;
  const { pool, wakeMs, orders } = stepTable(context, event, event.nowMs ?? context.pool.nowMs);
  if (pool.ousted || standing(pool) !== value.present) return null;
  const next: Snapshot = { ...snapshot, context: { ...context, pool, wakeMs } };
  for (const order of orders) carryOut(machine, order, next, event, scope);
  return next;
}

/** Runs an action as the chart would have it run. */
function carryOut(
  machine: PoolMachine,
  { type, params }: PoolOrder,
  { context }: Snapshot,
  event: PoolMachineEvent,
  scope: AnyActorScope,
): void {
  const info = { context, event, self: scope.self, system: scope.system };
  const exec = machine.implementations.actions[type];
  scope.actionExecutor({ type, info, params, exec });
}
