// A step changes nothing but its result, and the same step gives the same result.

import { expect, test } from 'vitest';
import { LayeredMap } from '../../../machines/gossip/layered-map.ts';
import type { PoolState } from '../../../machines/gossip/state.ts';
import { type PoolEvent, stepPool } from '../../../machines/gossip/step.ts';
import { PoolPump, type PumpedNode } from '../../support/pool-pump.ts';

function text(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item instanceof Map || item instanceof LayeredMap) return [...item];
    if (item instanceof Set) return [...item];
    return typeof item === 'bigint' ? `${item}n` : item;
  });
}

function check(state: PoolState, event: PoolEvent, nowMs: number): void {
  const before = text(state);
  const first = stepPool(state, event, nowMs);
  expect(text(state)).toBe(before);
  const second = stepPool(state, event, nowMs);
  expect(text(second)).toBe(text(first));
}

test('in the middle of a join storm, an event and a failure', () => {
  const pump = new PoolPump({ seed: 11 });
  const nodes = pump.pool(12);
  pump.feed(nodes[2] as PumpedNode, {
    type: 'user-event.fire',
    name: 'e',
    payload: Buffer.from('p'),
    coalesce: false,
    reply: { answer: () => {}, refuse: () => {} },
  });
  pump.run(350);
  const observed = nodes[0] as PumpedNode;
  const original = pump.feed.bind(pump);
  let checked = 0;
  pump.feed = (node, event) => {
    if (node === observed) {
      check(node.state, event, pump.now);
      checked += 1;
    }
    original(node, event);
  };
  pump.run(3_000);
  pump.kill(nodes[5] as PumpedNode);
  pump.run(20_000);
  expect(checked).toBeGreaterThan(100);
});

test('the same seed gives the same history', () => {
  const history = (): string => {
    const pump = new PoolPump({ seed: 5, loss: 0.1 });
    const nodes = pump.pool(8);
    pump.run(60_000);
    return text(nodes.map((node) => node.state));
  };
  expect(history()).toBe(history());
});
