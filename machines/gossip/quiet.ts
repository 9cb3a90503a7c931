/**
 * Events that change a pool's table and nothing of its life: nearly all that there are. A busy pool
 * tells its members some thirty times a second.
 */

import type { SnapshotFrom } from 'xstate';
import type { ShortStep } from '../short-way.ts';
import {
  isTableTraffic,
  type PoolContext,
  type PoolMachineEvent,
  type poolMachine,
  stepTable,
} from './pool.ts';
import type { PoolState } from './state.ts';
import { hasCompany } from './step.ts';

/** The state of a present node that its table asks for: where the chart comes to rest. */
function standing(pool: PoolState): 'alone' | 'joining' | 'together' {
  if (pool.joins.size > 0) return 'joining';
  return hasCompany(pool) ? 'together' : 'alone';
}

/** What an event does that leaves the chart where it is. */
export function quietly(
  { value, context }: SnapshotFrom<typeof poolMachine>,
  event: PoolMachineEvent,
): ShortStep<PoolContext> | undefined {
  if (typeof value === 'string' || !('present' in value) || !isTableTraffic(event))
    return undefined;
  const { pool, wakeMs, orders } = stepTable(context, event, event.nowMs ?? context.pool.nowMs);
  if (pool.ousted || standing(pool) !== value.present) return undefined;
  return { context: { ...context, pool, wakeMs }, orders };
}
