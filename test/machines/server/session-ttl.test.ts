import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type SessionTtlEvent, sessionTtlMachine } from '../../../machines/server/session-ttl.ts';
import { modelTest } from '../../support/model-test.ts';

const events: readonly SessionTtlEvent[] = [
  { type: 'leadership.gained', term: 2 },
  { type: 'leadership.lost', term: 2 },
  { type: 'session.renewed', id: 's', ttlMs: 10_000 },
  { type: 'session.ended', id: 's' },
  { type: 'timer.fired', id: 's' },
];

test('the model reaches every state and transition of session timers', () => {
  modelTest(sessionTtlMachine, { events });
});

test('a session has twice its TTL, and followers keep no timers', () => {
  const armed: number[] = [];
  const actor = createActor(
    sessionTtlMachine.provide({ actions: { arm: (_, { ms }) => void armed.push(ms) } }),
  ).start();
  actor.send({ type: 'session.renewed', id: 's', ttlMs: 10_000 });
  actor.send({ type: 'leadership.gained', term: 2 });
  actor.send({ type: 'session.renewed', id: 's', ttlMs: 10_000 });
  expect(armed).toEqual([20_000]);
  actor.stop();
});
