import { expect, test } from 'vitest';
import { ORIGIN } from '../../../machines/gossip/vivaldi.ts';
import { coordinateOf } from '../../../src/model/member.ts';
import { PoolPump } from '../../support/pool-pump.ts';

test('a pool tells its own coordinate at once, then what has moved, once a second at most', () => {
  const pump = new PoolPump({ latencyMs: 5 });
  const [first] = pump.pool(5);
  expect(first?.coordinates[0]?.view).toMatchObject({ pool: 'lan', own: ORIGIN });
  pump.run(60_000);
  const told = first?.coordinates ?? [];
  expect(told.length).toBeGreaterThan(20);
  told.slice(1).forEach(({ atMs }, at) => {
    expect(atMs - (told[at]?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
  });
  const latest = told.at(-1)?.view;
  expect(latest?.others.size).toBe(4);
  expect(coordinateOf(latest, first?.name ?? '')).toBe(latest?.own);
  expect(coordinateOf(latest, 'nobody')).toBeNull();
  expect(coordinateOf(undefined, 'nobody')).toBeNull();
});
