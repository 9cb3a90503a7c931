import { expect, test } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import {
  type AutopilotContext,
  autopilotMachine,
  UPDATE_INTERVAL_MS,
  UPDATES_PER_RECONCILIATION,
} from '../../../machines/server/autopilot.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { modelTest } from '../../support/model-test.ts';

const done = (src: string) => ({ type: `xstate.done.actor.0.autopilot.${src}`, output: undefined });
const failed = (src: string) => ({
  type: `xstate.error.actor.0.autopilot.${src}`,
  error: new Error('no quorum'),
});

test('the model reaches every state and transition of autopilot', () => {
  modelTest(autopilotMachine, {
    key: ({ updates }: AutopilotContext) => Math.min(updates, UPDATES_PER_RECONCILIATION),
    events: ({ value }) => {
      const working = ['preparing', 'updating', 'reconciling'].includes(String(value));
      return working ? [done(String(value)), failed(String(value))] : [];
    },
  });
});

test('servers are looked at every two seconds, and decided upon every fifth time', async () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  const noting = (what: string) =>
    fromPromise(async () => {
      seen.push(what);
    });
  const machine = autopilotMachine.provide({
    actors: {
      prepare: noting('prepare'),
      update: noting('update'),
      reconcile: noting('reconcile'),
    },
  });
  const actor = createActor(machine, { clock }).start();
  await clock.advance(0);
  for (let tick = 0; tick < UPDATES_PER_RECONCILIATION + 1; tick++) {
    await clock.advance(UPDATE_INTERVAL_MS);
  }
  const updates = Array(UPDATES_PER_RECONCILIATION).fill('update');
  expect(seen).toEqual(['prepare', ...updates, 'reconcile', 'update', 'update']);
  actor.stop();
});
