import { expect, test } from 'vitest';
import type { ServerFacts } from '../../src/model/consul-tags.ts';
import { joinDifference, leaveDifference } from '../../src/reconcile/raft-difference.ts';

function server(n: number, changes: Partial<ServerFacts> = {}): ServerFacts {
  return {
    name: `s${n}`,
    id: `id-${n}`,
    address: `10.0.0.${n}`,
    port: 8300,
    bootstrap: false,
    nonVoter: false,
    ...changes,
  } as ServerFacts;
}

const configured = [1, 2, 3].map((n) => ({
  id: `id-${n}`,
  address: `10.0.0.${n}:8300`,
  voter: true,
}));

test('a new server is added without a vote, a known one is left alone', () => {
  expect(joinDifference(server(4), configured, [])).toEqual({
    kind: 'changes',
    changes: [{ kind: 'add-nonvoter', id: 'id-4', address: '10.0.0.4:8300' }],
  });
  expect(joinDifference(server(1), configured, [])).toEqual({ kind: 'changes', changes: [] });
});

test('a voter that moved is updated in place', () => {
  expect(joinDifference(server(1, { address: '10.0.0.9' }), configured, [])).toEqual({
    kind: 'changes',
    changes: [{ kind: 'add-voter', id: 'id-1', address: '10.0.0.9:8300' }],
  });
});

test('another server at a known address takes the place of the old entry', () => {
  expect(joinDifference(server(1, { id: 'new' }), configured, [])).toEqual({
    kind: 'changes',
    changes: [
      { kind: 'remove', id: 'id-1', why: 'its address 10.0.0.1:8300 now belongs to s1' },
      { kind: 'add-nonvoter', id: 'new', address: '10.0.0.1:8300' },
    ],
  });
});

test('no replacement that would cost the quorum', () => {
  expect(joinDifference(server(1, { id: 'new' }), configured.slice(0, 2), []).kind).toBe('refused');
});

test('of two servers in bootstrap mode the second is refused', () => {
  expect(joinDifference(server(4, { bootstrap: true }), configured, ['s1']).kind).toBe('refused');
});

test('a server that left is removed once', () => {
  expect(leaveDifference(server(2), configured)).toMatchObject({ changes: [{ id: 'id-2' }] });
  expect(leaveDifference(server(4), configured)).toEqual({ kind: 'changes', changes: [] });
});
