import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type SessionTtlEvent, sessionTtlMachine } from '../../../machines/server/session-ttl.ts';
import { modelTest } from '../../support/model-test.ts';

const events: readonly SessionTtlEvent[] = [
  { type: 'leadership.gained', term: 2 },
  { type: 'leadership.lost', term: 2 },
  { type: 'store.current' },
  { type: 'store.unreachable', error: new Error('leadership lost') },
];

test('the model reaches every state and transition of session timers', () => {
  modelTest(sessionTtlMachine, { events });
});

test('timers run only while leading, and only once the store is current', () => {
  const seen: string[] = [];
  const actor = createActor(
    sessionTtlMachine.provide({
      actions: {
        startTimers: () => void seen.push('start'),
        stopTimers: () => void seen.push('stop'),
      },
    }),
  ).start();
  actor.send({ type: 'store.current' });
  actor.send({ type: 'leadership.gained', term: 2 });
  expect(seen).toEqual([]);
  actor.send({ type: 'store.current' });
  actor.send({ type: 'leadership.lost', term: 2 });
  expect(seen).toEqual(['start', 'stop']);
  actor.stop();
});
