import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import {
  type BootstrapContext,
  type BootstrapEvent,
  bootstrapMachine,
  type Candidate,
  candidatesOf,
  objection,
} from '../../../machines/server/bootstrap.ts';
import type { RaftView } from '../../../src/consensus/consensus.ts';
import type { Member } from '../../../src/model/member.ts';
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

/** A LAN view as gossip publishes it, of servers of dc1. */
function lan(...candidates: readonly Candidate[]): BootstrapEvent {
  const members = candidates.map((one): [string, Member] => [
    one.node,
    {
      name: one.node,
      address: one.address.split(':')[0] ?? '',
      port: 8301,
      status: 'alive',
      tags: {
        role: 'consul',
        dc: 'dc1',
        id: one.id,
        port: '8300',
        vsn: '2',
        build: '1.9.1:',
        expect: String(one.expect),
      },
      versions: NO_VERSIONS,
    },
  ]);
  return {
    type: 'lan-members.changed',
    view: { pool: 'lan', self: 's1', version: 1, members: new Map(members), changes: [] },
  };
}

const NO_VERSIONS = {
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
};

const NO_STATE: RaftView = {
  role: 'follower',
  term: 0,
  leader: undefined,
  lastContactMs: undefined,
  configuration: { servers: [] },
  configurationIndex: 0,
  lastIndex: 0,
  lastTerm: 0,
  commitIndex: 0,
  appliedIndex: 0,
  snapshotIndex: 0,
  snapshotTerm: 0,
};

function raft(count: number): BootstrapEvent {
  const servers = three
    .slice(0, count)
    .map(({ id, address }) => ({ id, address, suffrage: 'voter' as const }));
  return { type: 'raft.changed', view: { ...NO_STATE, configuration: { servers } } };
}

const three = [candidate(1), candidate(2), candidate(3)];

test('the model reaches every state and transition of the founding', () => {
  const events: readonly BootstrapEvent[] = [
    lan(...three.slice(0, 2)),
    lan(candidate(1), candidate(2, { expect: 5 })),
    lan(...three),
    { type: 'candidates.answered', existing: [] },
    { type: 'candidates.answered', existing: [{ node: 's2', peers: ['10.0.0.2:8300'] }] },
    { type: 'candidates.unreachable', text: 'connection refused' },
    raft(0),
    { type: 'raft.changed', view: { ...NO_STATE, term: 4 } },
    raft(3),
  ];
  const self = candidate(1);
  modelTest(bootstrapMachine, {
    inputs: [
      { alone: false, expect: 3, self, datacenter: 'dc1' },
      { alone: true, expect: 0, self, datacenter: 'dc1' },
      { alone: false, expect: 0, self, datacenter: 'dc1' },
    ],
    events,
    key: ({ input, attempts, candidates }: BootstrapContext) => [
      input.alone,
      input.expect,
      attempts,
      candidates.length,
    ],
  });
});

test('too few servers, another expectation and a lone founder are told apart', () => {
  expect(objection(3, three)).toBeUndefined();
  expect(objection(3, three.slice(1))?.kind).toBe('incomplete');
  const other = candidate(4, { expect: 5 });
  const text = 'Member has a conflicting expect value. All nodes should expect the same number.';
  expect(objection(3, [...three, other])).toEqual({ kind: 'conflict', text, member: other.node });
  expect(objection(3, [...three, candidate(4, { bootstrap: true })])?.kind).toBe('conflict');
});

test('servers that do not vote do not count, servers without expectation do', () => {
  expect(objection(3, [candidate(1), candidate(2), candidate(3, { voter: false })])?.kind).toBe(
    'incomplete',
  );
  expect(objection(3, [candidate(1), candidate(2), candidate(3, { expect: 0 })])).toBeUndefined();
});

test('only alive servers of the own datacenter are candidates', () => {
  const event = lan(...three);
  if (event.type !== 'lan-members.changed') throw new Error('no view');
  expect(candidatesOf(event.view, 'dc1').map(({ id }) => id)).toEqual(['id-1', 'id-2', 'id-3']);
  expect(candidatesOf(event.view, 'dc2')).toEqual([]);
});

test('a server that was to found a group says so when it belongs to one already', () => {
  const said: string[] = [];
  const actor = createActor(
    bootstrapMachine.provide({ actions: { announceState: () => void said.push('found') } }),
    { input: { alone: false, expect: 3, self: candidate(1), datacenter: 'dc1' } },
  ).start();
  actor.send({ type: 'raft.changed', view: { ...NO_STATE, lastIndex: 7 } });
  expect(actor.getSnapshot().value).toBe('settled');
  expect(said).toEqual(['found']);
  actor.stop();
});

test('servers that are known before the disk is read count as soon as it is', () => {
  const asked: number[] = [];
  const actor = createActor(
    bootstrapMachine.provide({
      actions: { askCandidates: (_, { candidates }) => void asked.push(candidates.length) },
    }),
    { input: { alone: false, expect: 3, self: candidate(1), datacenter: 'dc1' } },
  ).start();
  actor.send(lan(...three));
  expect(asked).toEqual([]);
  actor.send(raft(0));
  expect(asked).toEqual([3]);
  actor.stop();
});
