import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type DemoEvent, demoMachine } from '../../../machines/demo/demo.ts';
import { modelTest } from '../../support/model-test.ts';

const checks = [
  { id: 'a up', milestone: 'servers up' },
  { id: 'a leads', milestone: 'leaders elected' },
] as const;
const holds = (id: string) =>
  ({
    type: 'check.asked',
    id,
    outcome: { holds: true, detail: '' },
  }) as const;

const EVENTS: readonly DemoEvent[] = [
  { type: 'prepared' },
  { type: 'started' },
  { type: 'failed', text: 'no disk' },
  { type: 'child.exited', id: 'a', text: 'exit code 1' },
  holds('a up'),
  holds('a leads'),
  { type: 'check.asked', id: 'a up', outcome: { holds: false, why: 'no' } },
  { type: 'interrupted' },
  { type: 'stopped' },
];

test('the model reaches every state and transition of the demo', () => {
  modelTest(demoMachine, {
    inputs: [
      { checks, mode: 'once', convergeTimeoutMs: 1000 },
      { checks, mode: 'stay', convergeTimeoutMs: 1000 },
    ],
    events: EVENTS,
    key: (context: {
      pending: ReadonlyMap<string, string>;
      ending: { kind: string };
      mode: string;
    }) => [[...context.pending.keys()], context.ending.kind, context.mode],
  });
});

test('a milestone counts as reached only when all before it are', () => {
  const actor = createActor(demoMachine, {
    input: { checks, mode: 'stay', convergeTimeoutMs: 1000 },
  }).start();
  actor.send({ type: 'prepared' });
  actor.send({ type: 'started' });
  actor.send(holds('a leads'));
  expect(actor.getSnapshot().context.reached).toEqual([]);
  actor.send(holds('a up'));
  expect(actor.getSnapshot().context.reached.slice(0, 2)).toEqual([
    'servers up',
    'leaders elected',
  ]);
  expect(actor.getSnapshot().matches('standing')).toBe(true);
  actor.stop();
});

test('a crashed process ends the demo with its last words', () => {
  const actor = createActor(demoMachine, {
    input: { checks, mode: 'stay', convergeTimeoutMs: 1000 },
  }).start();
  actor.send({ type: 'prepared' });
  actor.send({ type: 'started' });
  actor.send({ type: 'child.exited', id: 'dc1-server1', text: 'exit code 1\n    port in use' });
  actor.send({ type: 'stopped' });
  expect(actor.getSnapshot().output).toEqual({
    kind: 'failed',
    text: 'dc1-server1 stopped by itself: exit code 1\n    port in use',
  });
});
