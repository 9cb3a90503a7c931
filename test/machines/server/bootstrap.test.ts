import { expect, test } from 'vitest';
import {
  type BootstrapEvent,
  bootstrapMachine,
  type Candidate,
  objection,
} from '../../../machines/server/bootstrap.ts';
import { modelTest } from '../../support/model-test.ts';

function candidate(n: number, changes: Partial<Candidate> = {}): Candidate {
  return {
    id: `id-${n}`,
    node: `s${n}`,
    address: `10.0.0.${n}:8300`,
    expect: 3,
    bootstrap: false,
    voter: true,
    ...changes,
  };
}

const three = [candidate(1), candidate(2), candidate(3)];

test('the model reaches every state and transition of the founding', () => {
  const events: readonly BootstrapEvent[] = [
    { type: 'candidates.changed', candidates: three.slice(0, 2) },
    { type: 'candidates.changed', candidates: [candidate(1), candidate(2, { expect: 5 })] },
    { type: 'candidates.changed', candidates: three },
    { type: 'candidates.answered', existing: [] },
    { type: 'candidates.answered', existing: [{ node: 's2', peers: ['10.0.0.2:8300'] }] },
    { type: 'candidates.unreachable', text: 'connection refused' },
    { type: 'group.known' },
  ];
  const self = candidate(1);
  modelTest(bootstrapMachine, {
    inputs: [
      { alone: false, expect: 3, hasState: false, self },
      { alone: true, expect: 0, hasState: false, self },
      { alone: false, expect: 0, hasState: false, self },
      { alone: false, expect: 3, hasState: true, self },
    ],
    events,
    key: (context: { attempts: number; candidates: readonly Candidate[] }) => [
      context.attempts,
      context.candidates.length,
    ],
  });
});

test('too few servers, another expectation and a lone founder are told apart', () => {
  expect(objection(3, three)).toBeUndefined();
  expect(objection(3, three.slice(1))?.kind).toBe('incomplete');
  expect(objection(3, [...three, candidate(4, { expect: 5 })])?.kind).toBe('conflict');
  expect(objection(3, [...three, candidate(4, { bootstrap: true })])?.kind).toBe('conflict');
});

test('servers that do not vote do not count, servers without expectation do', () => {
  expect(objection(3, [candidate(1), candidate(2), candidate(3, { voter: false })])?.kind).toBe(
    'incomplete',
  );
  expect(objection(3, [candidate(1), candidate(2), candidate(3, { expect: 0 })])).toBeUndefined();
});
