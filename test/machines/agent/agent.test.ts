import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type AgentEvent, agentMachine } from '../../../machines/agent/agent.ts';
import { modelTest } from '../../support/model-test.ts';

const reply = { answer: () => {}, refuse: () => {} };

test('the model reaches every state and transition of an agent', () => {
  const events: readonly AgentEvent[] = [
    { type: 'shutdown.requested', signal: 'SIGINT' },
    { type: 'shutdown.requested', signal: 'SIGTERM' },
    { type: 'reload.requested', signal: 'SIGHUP' },
    { type: 'lan-members.changed', view: {} } as AgentEvent,
    { type: 'wan-members.changed', view: {} } as AgentEvent,
    { type: 'coordinates.changed', view: {} } as AgentEvent,
    { type: 'user-events.received', pool: 'lan', events: [] },
    { type: 'primary-gateways.discovered', addresses: [] },
    { type: 'retry-join.exhausted', error: 'max retries' },
    { type: 'leave.requested', reply },
    { type: 'leave.finished' },
    { type: 'handover.finished' },
  ];
  modelTest(agentMachine, {
    inputs: [
      { onTerminate: 'leave', onInterrupt: 'stop' },
      { onTerminate: 'stop', onInterrupt: 'leave' },
    ],
    events,
    key: (context: { ending: { kind: string }; waiting: readonly unknown[] }) => [
      context.ending.kind,
      Math.min(context.waiting.length, 2),
    ],
  });
});

test('a signal leaves or stops as configured', () => {
  const begun: string[] = [];
  const machine = agentMachine.provide({
    actions: {
      beginLeaving: () => void begun.push('leave'),
      handOver: ({ self }) => {
        begun.push('hand over');
        self.send({ type: 'handover.finished' });
      },
      endTree: (_, { ending }) => void begun.push(ending.kind),
    },
  });
  const run = (signal: 'SIGINT' | 'SIGTERM'): void => {
    const actor = createActor(machine, {
      input: { onTerminate: 'leave', onInterrupt: 'stop' },
    }).start();
    actor.send({ type: 'shutdown.requested', signal });
    actor.stop();
  };
  run('SIGINT');
  run('SIGTERM');
  expect(begun).toEqual(['hand over', 'stopped', 'leave']);
});
