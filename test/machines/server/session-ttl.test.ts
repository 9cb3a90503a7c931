import { expect, test } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import { BARRIER_PAUSE_MS } from '../../../machines/server/server.ts';
import { type SessionTtlEvent, sessionTtlMachine } from '../../../machines/server/session-ttl.ts';
import { modelTest } from '../../support/model-test.ts';

const events: readonly SessionTtlEvent[] = [
  { type: 'leadership.gained', term: 2 },
  { type: 'leadership.lost', term: 2 },
  { type: 'store.current', term: 2 },
  { type: 'store.unreachable', term: 2, error: new Error('leadership lost') },
];

test('the model reaches every state and transition of session timers', () => {
  modelTest(sessionTtlMachine, { events, key: (context: { term: number }) => context.term });
});

function running() {
  const seen: string[] = [];
  const clock = new SimulatedClock();
  const actor = createActor(
    sessionTtlMachine.provide({
      actions: {
        awaitStore: (_, { term }) => void seen.push(`await ${term}`),
        startTimers: () => void seen.push('start'),
        stopTimers: () => void seen.push('stop'),
      },
    }),
    { clock },
  ).start();
  return { actor, clock, seen };
}

test('timers run only while leading, and only once the store is current', () => {
  const { actor, seen } = running();
  actor.send({ type: 'store.current', term: 2 });
  actor.send({ type: 'leadership.gained', term: 2 });
  expect(seen).toEqual(['await 2']);
  actor.send({ type: 'store.current', term: 2 });
  actor.send({ type: 'leadership.lost', term: 2 });
  expect(seen).toEqual(['await 2', 'start', 'stop']);
  actor.stop();
});

test('who leads without a barrier asks again, lest sessions never run out', () => {
  const { actor, clock, seen } = running();
  actor.send({ type: 'leadership.gained', term: 2 });
  actor.send({ type: 'store.unreachable', term: 2, error: new Error('timed out enqueuing') });
  expect(seen).toEqual(['await 2']);
  clock.increment(BARRIER_PAUSE_MS);
  actor.send({ type: 'store.current', term: 2 });
  expect(seen).toEqual(['await 2', 'await 2', 'start']);
  actor.stop();
});

test('the barrier of an older leadership says nothing of a newer one', () => {
  const { actor, seen } = running();
  actor.send({ type: 'leadership.gained', term: 2 });
  actor.send({ type: 'leadership.lost', term: 2 });
  actor.send({ type: 'leadership.gained', term: 4 });
  actor.send({ type: 'store.unreachable', term: 2, error: new Error('leadership lost') });
  actor.send({ type: 'store.current', term: 2 });
  expect(seen).toEqual(['await 2', 'await 4']);
  actor.send({ type: 'store.current', term: 4 });
  expect(seen).toEqual(['await 2', 'await 4', 'start']);
  actor.stop();
});
