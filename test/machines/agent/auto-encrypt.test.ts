import { expect, test } from 'vitest';
import { createActor, fromPromise, SimulatedClock } from 'xstate';
import {
  autoEncryptMachine,
  type PolledRoots,
  ROUND_PAUSE_MS,
} from '../../../machines/agent/auto-encrypt.ts';
import { modelTest } from '../../support/model-test.ts';

test('the model reaches every state and transition', () => {
  const done = (place: string, output: unknown) => ({
    type: `xstate.done.actor.0.auto-encrypt.${place}`,
    output,
  });
  const failed = (place: string) => ({
    type: `xstate.error.actor.0.auto-encrypt.${place}`,
    error: new Error('No known Consul servers'),
  });
  const polled = (activeRootId: string) => done('roots.polling', { index: 7, activeRootId });
  modelTest(autoEncryptMachine, {
    inputs: [{ renewInMs: 1000 }],
    key: ({ activeRootId, renewFailures, pollFailures }) => [
      activeRootId,
      Math.min(renewFailures, 2),
      Math.min(pollFailures, 2),
    ],
    situationsMax: 2000,
    events: (snapshot) => [
      ...(snapshot.matches({ roots: 'polling' })
        ? [polled('old'), polled('new'), failed('roots.polling')]
        : []),
      ...(snapshot.matches({ certificate: 'renewing' })
        ? [done('certificate.renewing', { renewInMs: 1000 }), failed('certificate.renewing')]
        : []),
    ],
  });
});

test('a certificate is renewed when it is due, and at once when the root is replaced', async () => {
  const clock = new SimulatedClock();
  const asked: string[] = [];
  const answers: ((roots: PolledRoots) => void)[] = [];
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const actor = createActor(
    autoEncryptMachine.provide({
      actors: {
        renew: fromPromise(async () => {
          asked.push('renew');
          return { renewInMs: 60_000 };
        }),
        poll: fromPromise<PolledRoots, { readonly minIndex: number }>(({ input }) => {
          asked.push(`poll ${input.minIndex}`);
          return new Promise((resolve) => answers.push(resolve));
        }),
      },
    }),
    { clock, input: { renewInMs: 5_000 } },
  ).start();
  answers[0]?.({ index: 4, activeRootId: 'first' });
  await settled();
  clock.increment(ROUND_PAUSE_MS);
  expect(asked).toEqual(['poll 0', 'poll 4']);
  clock.increment(4_000);
  await settled();
  expect(asked).toEqual(['poll 0', 'poll 4', 'renew']);
  answers[1]?.({ index: 5, activeRootId: 'second' });
  await settled();
  expect(asked).toEqual(['poll 0', 'poll 4', 'renew', 'renew']);
  clock.increment(60_000);
  await settled();
  expect(asked.filter((what) => what === 'renew')).toHaveLength(3);
  actor.stop();
});
