// The chart of a pool: every state and every transition can be reached, whatever comes when.

import { expect, test } from 'vitest';
import { type PoolContext, poolMachine } from '../../../machines/gossip/pool.ts';
import { modelTest } from '../../support/model-test.ts';
import { eventsOf, modelInput } from '../../support/pool-events.ts';

test('all states and transitions are reached', () => {
  const coverage = modelTest(poolMachine, {
    inputs: [modelInput],
    events: eventsOf,
    key: ({ pool }: PoolContext) => [
      pool.members.get('b')?.status ?? 'none',
      Math.min(1, pool.joins.size),
      Math.min(1, pool.exchanges.size),
      [...pool.waits.values()].some((wait) => wait.purpose.startsWith('leave')),
      pool.ousted,
      [...pool.queries.values()].some((query) => query.owner.kind === 'conflict'),
    ],
    situationsMax: 400,
    invariant: ({ snapshot }) => {
      const { pool } = snapshot.context as PoolContext;
      expect(pool.order.length).toBeGreaterThanOrEqual(pool.nodes.size);
      expect(pool.members.has('a')).toBe(true);
    },
  });
  expect(coverage.missing).toEqual([]);
});
