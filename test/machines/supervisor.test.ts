import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { supervisorMachine } from '../../machines/supervisor.ts';
import type {
  ChildSpec,
  ChildView,
  Strategy,
  SupervisorContext,
  SupervisorInput,
} from '../../machines/supervisor.types.ts';
import { modelTest } from '../support/model-test.ts';
import { createStepper } from '../support/step.ts';

const logic = createMachine({});

function child(id: string, more: Partial<ChildSpec> = {}): ChildSpec {
  return { id, logic, restart: 'permanent', shutdownMs: 1000, ...more };
}

function input(strategy: Strategy, more: Partial<SupervisorInput> = {}): SupervisorInput {
  return {
    strategy,
    intensity: 2,
    periodMs: 5000,
    backoffMs: [100, 400],
    children: [
      child('a'),
      child('b', { readyWithinMs: 500 }),
      child('c', { restart: 'transient', shutdownMs: 0 }),
      child('d', { restart: 'temporary' }),
    ],
    ...more,
  };
}

const ids = ['a', 'b', 'c', 'd'];
const done = (id: string) => ({ type: `xstate.done.actor.${id}`, actorId: id, output: undefined });
const failed = (id: string) => ({
  type: `xstate.error.actor.${id}`,
  actorId: id,
  error: new Error(`${id} broke`),
});
const key = (context: SupervisorContext): unknown => [
  context.view.map((view) => view.status),
  context.toStop,
  context.toStart,
  context.recentRestarts,
  context.paused,
  context.goal,
];

const LIVE = new Set(['starting', 'running', 'stopping']);

describe('supervisor machine', () => {
  it.each(['one-for-one', 'one-for-all', 'rest-for-one'] as const)(
    'takes every transition with %s and never starts what is alive',
    (strategy) => {
      const coverage = modelTest(supervisorMachine, {
        inputs: [input(strategy)],
        events: (snapshot) => {
          const { view, recentRestarts } = snapshot.context as SupervisorContext;
          const live = view.filter((v: ChildView) => LIVE.has(v.status)).map((v) => v.id);
          return [
            ...live.map(done),
            ...live.map(failed),
            { type: 'child.ready', id: 'b' },
            { type: 'shutdown' },
            ...(recentRestarts > 0 ? [{ type: 'restart.forgotten' }] : []),
          ];
        },
        key,
        invariant: ({ before, snapshot, effects }) => {
          const was = (before.context as SupervisorContext).view;
          const ended = effects.filter((e) => e.type === 'xstate.stopChild').length;
          for (const effect of effects.filter((e) => e.type === 'xstate.spawnChild')) {
            const { id } = effect.params as { id: string };
            const status = was.find((view) => view.id === id)?.status;
            if (ended === 0) expect(LIVE.has(status ?? '')).toBe(false);
          }
          // It never waits for a child that has nothing to answer.
          const context = snapshot.context as SupervisorContext;
          const waitedFor = snapshot.value === 'starting' ? context.toStart[0] : context.toStop[0];
          if (snapshot.value === 'starting' || snapshot.value === 'stopping') {
            const view = context.view.find((child) => child.id === waitedFor);
            expect(view?.status).toBe(snapshot.value);
          }
          if (snapshot.value === 'stopped' || snapshot.value === 'failed') {
            const { view } = snapshot.context as SupervisorContext;
            expect(view.filter((v) => LIVE.has(v.status))).toEqual([]);
          }
          expect(snapshot.context.recentRestarts).toBeGreaterThanOrEqual(0);
        },
      });
      expect(coverage.situations).toBeGreaterThan(100);
    },
  );

  it('waits with the next child for the report of the one before', () => {
    const stepper = createStepper(supervisorMachine);
    const begun = stepper.start(input('one-for-one'));
    const started = (step: typeof begun) =>
      step.effects
        .filter((effect) => effect.type === 'xstate.spawnChild')
        .map((effect) => (effect.params as { id: string }).id);
    expect(started(begun)).toEqual(['a', 'b']);
    const report = { type: 'child.ready', id: 'b' };
    const ready = stepper.next(begun.snapshot, report);
    expect(started(ready)).toEqual(['c', 'd']);
    expect(ready.snapshot.value).toBe('running');
    expect(ids).toEqual(ready.snapshot.context.view.map((view: ChildView) => view.id));
  });
});
