import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type ServerEvent, serverMachine } from '../../../machines/server/server.ts';
import { modelTest } from '../../support/model-test.ts';

test('the model reaches every state and transition of a server', () => {
  const events: readonly ServerEvent[] = [
    { type: 'leadership.gained', term: 2 },
    { type: 'leadership.lost', term: 2 },
    { type: 'barrier.passed', term: 2 },
    { type: 'barrier.failed', term: 2, error: new Error('leadership lost') },
    { type: 'gateways.changed', choices: {} } as ServerEvent,
    { type: 'primary-gateways.discovered', addresses: ['127.0.0.1:8443'] },
    { type: 'snapshot.accepted', stream: {} } as ServerEvent,
  ];
  modelTest(serverMachine, { events, key: (context: { term: number }) => context.term });
});

test('the barrier of an older leadership does not make a newer one ready', () => {
  const readiness: boolean[] = [];
  const actor = createActor(
    serverMachine.provide({
      actions: { announceReadiness: (_, { ready }) => readiness.push(ready) },
    }),
  ).start();
  actor.send({ type: 'leadership.gained', term: 2 });
  actor.send({ type: 'leadership.lost', term: 2 });
  actor.send({ type: 'leadership.gained', term: 4 });
  actor.send({ type: 'barrier.passed', term: 2 });
  expect(readiness).toEqual([]);
  actor.send({ type: 'barrier.passed', term: 4 });
  expect(readiness).toEqual([true]);
  actor.send({ type: 'leadership.lost', term: 4 });
  expect(readiness).toEqual([true, false]);
  actor.stop();
});
