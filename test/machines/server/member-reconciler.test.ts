import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import {
  memberReconcilerMachine,
  type ReconcilePass,
  type ReconcilerContext,
  type ReconcilerEvent,
} from '../../../machines/server/member-reconciler.ts';
import type { MembersView } from '../../../src/model/member.ts';
import { modelTest } from '../../support/model-test.ts';

function view(version: number): MembersView {
  return { pool: 'lan', self: 'a', version, members: new Map(), changes: [] };
}

const changed: ReconcilerEvent = { type: 'lan-members.changed', view: view(1) };

test('the model reaches every state and transition of the reconciler', () => {
  const events: readonly ReconcilerEvent[] = [
    changed,
    { type: 'leadership.gained', term: 2 },
    { type: 'leadership.lost', term: 2 },
    { type: 'pass.finished' },
    { type: 'pass.failed', error: new Error('no quorum') },
  ];
  modelTest(memberReconcilerMachine, {
    events,
    key: (context: ReconcilerContext) => [context.dirty, context.first, context.view?.version],
  });
});

test('changes during a pass cause one more, and a failed pass keeps what it had to forget', () => {
  const passes: ReconcilePass[] = [];
  const actor = createActor(
    memberReconcilerMachine.provide({ actions: { runPass: (_, pass) => void passes.push(pass) } }),
  ).start();
  actor.send({ type: 'leadership.gained', term: 2 });
  expect(passes).toHaveLength(1);
  actor.send(changed);
  actor.send({ type: 'lan-members.changed', view: view(2) });
  expect(passes).toHaveLength(1);
  actor.send({ type: 'pass.finished' });
  expect(passes).toHaveLength(2);
  expect(passes[1]).toMatchObject({ first: false, view: { version: 2 } });
  actor.send({ type: 'pass.finished' });
  expect(passes).toHaveLength(2);
  actor.stop();
});
